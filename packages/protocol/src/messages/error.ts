import { errorCodes } from "@devmesh/models";
import { z } from "zod";
import { durationMsSchema, optionalReplyFields } from "./fields.ts";

/** 0x0005, both ways: a request failed, or, without `re`, a frame that could not be tied to one. */
export const errorSchema = z.object({
  ...optionalReplyFields,
  code: z.enum(errorCodes),
  reason: z.string().optional(),
  message: z.string(),
  details: z.unknown().optional(),
  retryAfterMs: durationMsSchema.optional(),
});
