import { isUuid, textSchema } from "@devmesh/models";
import { z } from "zod";
import { countSchema, maxWaitMs, replyFields, requestFields, requiredJsonSchema } from "./fields.ts";
import { topicSchema } from "./topic.ts";

/** Upper case is accepted and folded. */
const messageIdSchema = z
  .string()
  .transform((text) => text.toLowerCase())
  .refine(isUuid, "must be a UUID");

/** 0x0301, C→S: to one agent (by id or name), to a topic, or to all. */
export const sendSchema = z
  .object({
    ...requestFields,
    to: textSchema(128).optional(),
    topic: topicSchema.optional(),
    broadcast: z.literal(true).optional(),
    kind: textSchema(128),
    content: requiredJsonSchema,
    correlationId: textSchema(256).optional(),
    messageId: messageIdSchema.optional(),
    ttlMs: z.int().min(1).max(maxWaitMs).optional(),
  })
  .refine(({ to, topic, broadcast }) => [to, topic, broadcast].filter((target) => target !== undefined).length === 1, {
    path: ["to"],
    message: "exactly one of to, topic and broadcast is due",
  });

/** 0x0302, S→C: `accepted` recipients were found, of which `queued` are offline. */
export const sentSchema = z.object({
  ...replyFields,
  messageId: z.string(),
  accepted: countSchema,
  queued: countSchema,
});
