import { textSchema } from "@devmesh/models";
import { z } from "zod";
import { lookupIdSchema, requestFields, requiredJsonSchema } from "./fields.ts";

/** 0x020A, C→S: `task` is the body of `POST /api/v1/tasks`, whose schema is the one of models. */
export const taskSubmitSchema = z.object({
  ...requestFields,
  task: requiredJsonSchema,
  idempotencyKey: textSchema(255).optional(),
  parentAssignmentId: lookupIdSchema.optional(),
  yieldSlot: z.boolean().optional(),
});
