import { z } from "zod";
import { assignmentFields, requestFields } from "./fields.ts";

/** 0x0208, C→S: sets the lease to `leaseMs` from now, at most one hour; `leaseUntil` of the reply tells. */
export const taskExtendSchema = z.object({ ...requestFields, ...assignmentFields, leaseMs: z.int().min(1) });
