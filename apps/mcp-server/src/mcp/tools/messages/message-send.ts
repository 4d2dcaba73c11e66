import type { MessageTarget } from "@devmesh/agents";
import { AppError } from "@devmesh/models";
import { messageSchemas } from "@devmesh/protocol";
import { z } from "zod";
import { actAs } from "../acting.ts";
import { agentArgument, idempotencyKeyArgument } from "../arguments.ts";
import { defineTool, type Tool } from "../tool.ts";
import { messageIdOf } from "./message-id.ts";
import type { MessageToolDeps } from "./message-tool-deps.ts";

const { to, topic, broadcast, kind, content, correlationId, messageId, ttlMs } = messageSchemas.SEND.shape;

const input = z.strictObject({
  agent: agentArgument,
  to: to.describe("An agent, by name or id."),
  topic: topic.describe("Words joined by dots."),
  broadcast: broadcast.describe("All other agents of the tenant."),
  kind: kind.describe("A word, such as question or review.done."),
  content: content.describe("Any JSON, null too."),
  correlationId: correlationId.describe("Ties a reply to its question."),
  ttlMs: ttlMs.describe("Not delivered any later."),
  messageId: messageId.describe("A UUID: the same one has no second effect for 24 h."),
  idempotencyKey: idempotencyKeyArgument("Any text, instead of messageId."),
});

const output = z.object({
  messageId: z.string(),
  accepted: z.int(),
  queued: z.int().describe("Of them, how many are not present now."),
});

/** `message_send` */
export function messageSend(deps: MessageToolDeps): Tool {
  return defineTool({
    name: "message_send",
    title: "Send a message",
    description:
      "Sends a message to one agent, to those that subscribed a topic, or to all: give exactly one of to, topic and " +
      "broadcast. For work use task_create: a message may be ignored. It lies in every mailbox it reaches when this " +
      "answers.",
    scopes: ["agents:connect", "messages:send"],
    annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: false, openWorldHint: false },
    input,
    output,
    async call(given, { caller: { principal } }) {
      const target = toTarget(given);
      const { id: senderId, name: senderName } = await actAs(deps, principal, given.agent);
      const chosenId = messageIdOf(given, senderId);
      const id = chosenId ?? deps.newId();
      const { accepted, queued } = await deps.messenger.send({
        tenantId: principal.tenantId,
        senderId,
        senderName,
        target,
        messageId: id,
        isRepeatable: chosenId !== undefined,
        kind: given.kind,
        content: JSON.stringify(given.content),
        correlationId: given.correlationId,
        ttlMs: given.ttlMs,
      });
      return { kind: "complete", output: { messageId: id, accepted, queued } };
    },
  });
}

function toTarget(given: Pick<z.output<typeof input>, "to" | "topic" | "broadcast">): MessageTarget {
  const targets: MessageTarget[] = [
    ...(given.to === undefined ? [] : [{ to: given.to }]),
    ...(given.topic === undefined ? [] : [{ topic: given.topic }]),
    ...(given.broadcast === undefined ? [] : [{ broadcast: given.broadcast }]),
  ];
  const [target] = targets;
  if (target !== undefined && targets.length === 1) return target;
  const message = "exactly one of to, topic and broadcast is due";
  throw new AppError("invalid_argument", `to: ${message}`, { details: [{ path: "to", message }] });
}
