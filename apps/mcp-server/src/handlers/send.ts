import type { MessageTarget } from "@devmesh/agents";
import { assertScope } from "@devmesh/auth";
import type { PayloadOf } from "@devmesh/protocol";
import type { Connection } from "../connections/connection.ts";
import { assertRegistered } from "../connections/connection-state.ts";
import type { ServerContext } from "../server-context.ts";

/** SEND: answered once the message is in the mailboxes of all it reaches. */
export async function send(context: ServerContext, connection: Connection, payload: PayloadOf<"SEND">): Promise<void> {
  const { agentId, agentName } = assertRegistered(connection.state);
  assertScope(connection.principal, "messages:send");
  const messageId = payload.messageId ?? context.newId();
  const { accepted, queued } = await context.messenger.send({
    tenantId: connection.tenantId,
    senderId: agentId,
    senderName: agentName,
    target: toTarget(payload),
    messageId,
    isRepeatable: payload.messageId !== undefined,
    kind: payload.kind,
    content: JSON.stringify(payload.content),
    correlationId: payload.correlationId,
    ttlMs: payload.ttlMs,
  });
  connection.send("SENT", { re: payload.id, messageId, accepted, queued });
}

/** The schema has seen to it that there is exactly one. */
function toTarget({ to, topic }: PayloadOf<"SEND">): MessageTarget {
  if (to !== undefined) return { to };
  return topic === undefined ? { broadcast: true } : { topic };
}
