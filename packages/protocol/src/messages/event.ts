import { z } from "zod";
import { countSchema, noticeFields, requiredJsonSchema, timeTextSchema } from "./fields.ts";

/** 0x0307, S→C: something happened. `seq` is there for durable subscriptions only; `subject` is the id it is about. */
export const eventSchema = z.object({
  ...noticeFields,
  seq: countSchema.optional(),
  topic: z.string(),
  event: z.object({
    id: z.string(),
    type: z.string(),
    at: timeTextSchema,
    subject: z.string(),
    data: requiredJsonSchema,
  }),
});
