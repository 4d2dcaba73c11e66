import { textSchema } from "@devmesh/models";
import { z } from "zod";
import { assignmentFields, countSchema, lookupIdSchema, requestFields, requiredJsonSchema } from "./fields.ts";
import { usageSchema } from "./usage.ts";

const artifactSchema = z.object({
  name: textSchema(256),
  mediaType: textSchema(256),
  size: countSchema,
  sha256: z.string().regex(/^[0-9a-fA-F]{64}$/, "must be 64 hexadecimal digits"),
  contextId: lookupIdSchema,
});

/** 0x0205, C→S: the result. `output` must be there and may be null. */
export const taskCompleteSchema = z.object({
  ...requestFields,
  ...assignmentFields,
  output: requiredJsonSchema,
  artifacts: z.array(artifactSchema).max(100).optional(),
  usage: usageSchema.optional(),
});
