import { z } from "zod";
import { countSchema, noticeFields, requiredJsonSchema, timeTextSchema } from "./fields.ts";

/** 0x0303, S→C: what another agent, or the mesh, sent. */
export const deliveredMessageSchema = z.object({
  ...noticeFields,
  seq: countSchema,
  messageId: z.string(),
  from: z.object({ id: z.string(), name: z.string() }),
  to: z.string().optional(),
  topic: z.string().optional(),
  kind: z.string(),
  content: requiredJsonSchema,
  correlationId: z.string().optional(),
  sentAt: timeTextSchema,
});
