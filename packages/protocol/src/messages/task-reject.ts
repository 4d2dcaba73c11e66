import { z } from "zod";
import { assignmentFields, proseSchema, requestFields } from "./fields.ts";

/** 0x0203, C→S: the task goes to another agent, the attempt is not counted. */
export const taskRejectSchema = z.object({ ...requestFields, ...assignmentFields, reason: proseSchema(4096) });
