import { z } from "zod";
import { countSchema, proseSchema } from "./fields.ts";

/** What the work cost, as far as the agent knows. */
export const usageSchema = z.object({
  inputTokens: countSchema.optional(),
  outputTokens: countSchema.optional(),
  costMicroUsd: countSchema.optional(),
  model: proseSchema(256).optional(),
});
