import { z } from "zod";
import { durationMsSchema, optionalReplyFields, proseSchema } from "./fields.ts";

/** 0x0007, both ways: the last frame before closing. With `re` it answers AGENT_DEREGISTER. */
export const goodbyeSchema = z.object({
  ...optionalReplyFields,
  reason: proseSchema(1024),
  resumeAfterMs: durationMsSchema.optional(),
});
