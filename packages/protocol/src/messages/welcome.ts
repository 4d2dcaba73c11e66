import { z } from "zod";
import { lookupIdSchema, replyFields } from "./fields.ts";

const assignmentIds = z.array(lookupIdSchema);

/** 0x0002, S→C: the reply to HELLO. `keep`, `recorded` and `drop` share out `holding`; they are empty without it. */
export const welcomeSchema = z.object({
  ...replyFields,
  connectionId: z.string(),
  nodeId: z.string(),
  heartbeatMs: z.int().min(1),
  limits: z.object({ maxPayloadBytes: z.int().min(1), maxInFlight: z.int().min(1) }),
  keep: assignmentIds,
  recorded: assignmentIds,
  drop: assignmentIds,
});
