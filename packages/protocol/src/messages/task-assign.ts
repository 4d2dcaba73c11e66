import { z } from "zod";
import { sentTaskSchema } from "./entity.ts";
import { assignmentFields, countSchema, durationMsSchema, noticeFields } from "./fields.ts";

/** 0x0201, S→C: offers a task. It is processed once its ACCEPT or REJECT is recorded. */
export const taskAssignSchema = z.object({
  ...noticeFields,
  seq: countSchema,
  ...assignmentFields,
  leaseMs: durationMsSchema,
  acceptMs: durationMsSchema,
  ageMs: countSchema.optional(),
  task: sentTaskSchema,
});
