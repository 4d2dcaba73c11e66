import { createHash } from "node:crypto";
import type { AgentId } from "@devmesh/models";

/**
 * The id that a sender chose for a message; undefined where it chose none. Made of a key it is a UUID of version 8 (RFC
 * 9562, section 5.8): the first bits of SHA-256 over sender and key.
 */
export function messageIdOf(
  {
    messageId,
    idempotencyKey,
  }: { readonly messageId?: string | undefined; readonly idempotencyKey?: string | undefined },
  senderId: AgentId,
): string | undefined {
  if (messageId !== undefined || idempotencyKey === undefined) return messageId;
  const hash = createHash("sha256").update(`${senderId} ${idempotencyKey}`).digest("hex");
  const variant = ((Number.parseInt(hash.slice(16, 17), 16) & 0x3) | 0x8).toString(16);
  const parts = [hash.slice(0, 8), hash.slice(8, 12), `8${hash.slice(13, 16)}`, `${variant}${hash.slice(17, 20)}`];
  return [...parts, hash.slice(20, 32)].join("-");
}
