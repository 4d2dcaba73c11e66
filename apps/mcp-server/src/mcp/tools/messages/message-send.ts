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
  agent: agentArgument.describe("Which of your registered agents sends it: name or id."),
  to: to.describe("One agent, by name or id."),
  topic: topic.describe("All agents that subscribed it: words joined by dots."),
  broadcast: broadcast.describe("true: all other agents of the tenant. Give exactly one of to, topic and broadcast."),
  kind: kind.describe("A word for what it is, such as question, answer, review.done."),
  content: content.describe("Any JSON, null too."),
  correlationId: correlationId.describe("Ties a reply to what it replies to."),
  ttlMs: ttlMs.describe("Who has not been given it by then never is. By default it waits for as long as it takes."),
  messageId: messageId.describe("A UUID of your choice: within 24 h the same one has no second effect, on every door."),
  idempotencyKey: idempotencyKeyArgument("Instead of messageId: any text; the id is made from it, for this sender."),
});

const output = z.object({
  messageId: z.string(),
  accepted: z.int().describe("Agents that have it in their mailbox."),
  queued: z.int().describe("How many of those are not present now; they get it when they come."),
});

/** `message_send` */
export function messageSend(deps: MessageToolDeps): Tool {
  return defineTool({
    name: "message_send",
    title: "Send a message",
    description:
      "Sends a message to one agent, to those that subscribed a topic, or to all. Use it to ask, to answer and to tell; for " +
      "work that has to be done use task_create: a message may be ignored. Answers once it lies in every mailbox that it " +
      "reaches, where it waits until it is read and acknowledged.",
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
