import { z } from "zod";
import { assignmentFields, requestFields } from "./fields.ts";

/** 0x0202, C→S: the agent works on it; the lease runs from here. */
export const taskAcceptSchema = z.object({ ...requestFields, ...assignmentFields });
