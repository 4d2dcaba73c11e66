import { taskStates } from "@devmesh/models";
import { z } from "zod";
import { lookupIdSchema, replyFields, timeTextSchema } from "./fields.ts";

/** 0x0209, S→C: the change is durable. `duplicate`: it had been recorded before, nothing changed. */
export const taskRecordedSchema = z.object({
  ...replyFields,
  assignmentId: lookupIdSchema,
  taskState: z.enum(taskStates),
  leaseUntil: timeTextSchema.optional(),
  duplicate: z.boolean(),
});
