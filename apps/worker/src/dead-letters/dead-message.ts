import { createHash } from "node:crypto";
import type { ReceivedMessage } from "@devmesh/adapters";
import { isUuid, type TenantId } from "@devmesh/models";
import type { ClaimedMessage, DiedMessage } from "@devmesh/repositories";

/**
 * The attributes by which a message is known over all its lives: SQS names a message anew each time it is sent.
 *
 * | attribute | |
 * |---|---|
 * | messageId | the id of its first death |
 * | redrives | how often it had been redriven when it was sent, or buried |
 * | reason, receiveCount | in the dead-letter queue: why it lies there, after how many receives |
 */
const marks = ["messageId", "redrives", "reason", "receiveCount"];

/** The dead letter that a message is, or would be. */
export function deadLetterIdOf({ id, attributes = {} }: Pick<ReceivedMessage, "id" | "attributes">): string {
  const first = attributes["messageId"] ?? id;
  if (isUuid(first)) return first;
  const hash = createHash("sha256").update(first).digest("hex");
  return `${hash.slice(0, 8)}-${hash.slice(8, 12)}-8${hash.slice(13, 16)}-8${hash.slice(17, 20)}-${hash.slice(20, 32)}`;
}

/** How often a message had been redriven when it was last sent. */
export function redrivesOf({ attributes = {} }: Pick<ReceivedMessage, "attributes">): number {
  const redrives = Number(attributes["redrives"] ?? 0);
  return Number.isSafeInteger(redrives) ? redrives : 0;
}

/** @param reason as the consumer gives it, `code: message`; undefined where SQS gave the message up by itself. */
export function toDied(message: ReceivedMessage, queue: string, reason: string | undefined): DiedMessage {
  const { id: messageId, body, attributes = {}, receiveCount } = message;
  const [, code = "refused", text = reason ?? ""] = /^([a-z_]+): (.*)$/s.exec(reason ?? "") ?? [];
  return {
    id: deadLetterIdOf(message),
    queue,
    tenantId: tenantOf(body),
    ...(reason === undefined
      ? { reason: "max_receives", message: "it was received several times, and never handled" }
      : { reason: code, message: text }),
    messageId,
    body,
    attributes: Object.fromEntries(Object.entries(attributes).filter(([name]) => !marks.includes(name))),
    receiveCount: Number(attributes["receiveCount"] ?? receiveCount),
    redrives: redrivesOf(message),
  };
}

/** The attributes of a message that is sent again. */
export function toSentAttributes({ id, attributes, redrives }: ClaimedMessage): Readonly<Record<string, string>> {
  return { ...attributes, messageId: id, redrives: String(redrives) };
}

/** Whom a body names: `{tenantId}`. */
function tenantOf(body: string): TenantId | undefined {
  try {
    const { tenantId } = JSON.parse(body) ?? {};
    return typeof tenantId === "string" && isUuid(tenantId) ? (tenantId as TenantId) : undefined;
  } catch {
    return undefined; // no JSON: it belongs to nobody
  }
}
