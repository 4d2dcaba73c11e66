import { failureClasses } from "@devmesh/models";
import { z } from "zod";
import { assignmentFields, durationMsSchema, proseSchema, requestFields } from "./fields.ts";
import { usageSchema } from "./usage.ts";

/** 0x0206, C→S: the attempt failed; `class` says what becomes of the task. */
export const taskFailSchema = z.object({
  ...requestFields,
  ...assignmentFields,
  class: z.enum(failureClasses),
  message: proseSchema(16_384),
  retryAfterMs: durationMsSchema.optional(),
  usage: usageSchema.optional(),
});
