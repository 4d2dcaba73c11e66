import type { MailReceiver, OutgoingMessage, SendOutcome } from "@devmesh/agents";
import type { AgentId, NodeId, TenantId } from "@devmesh/models";
import { expect, test } from "vitest";
import { createMessenger } from "./messenger.ts";

const tenantId = "t" as TenantId;
const receiver: MailReceiver = { tenantId, agentId: "r" as AgentId, nodeId: "n" as NodeId };

function toMessage(senderId: string, target: OutgoingMessage["target"] = { to: "reader" }): OutgoingMessage {
  return {
    tenantId,
    senderId: senderId as AgentId,
    senderName: senderId,
    target,
    messageId: "m",
    isRepeatable: false,
    kind: "k",
    content: "1",
  };
}

function openMessenger(outcomeOf: (message: OutgoingMessage) => SendOutcome) {
  const batches: (readonly OutgoingMessage[])[] = [];
  const told: (readonly MailReceiver[])[] = [];
  const send = async (messages: readonly OutgoingMessage[]): Promise<readonly SendOutcome[]> => {
    batches.push(messages);
    return messages.map(outcomeOf);
  };
  return { messenger: createMessenger({ send }, (receivers) => told.push(receivers)), batches, told };
}

const sent: SendOutcome = { kind: "sent", accepted: 1, queued: 0, receivers: [receiver] };

test("sends what comes in one turn together, tells their receivers together, and answers each", async () => {
  const { messenger, batches, told } = openMessenger(() => sent);
  const answers = await Promise.all(["a", "b", "a"].map((sender) => messenger.send(toMessage(sender))));
  expect(batches.map((batch) => batch.map(({ senderId }) => senderId))).toEqual([["a", "b", "a"]]);
  expect(told).toEqual([[receiver, receiver, receiver]]);
  expect(answers).toEqual(answers.map(() => ({ accepted: 1, queued: 0 })));
});

test("puts at most 64 messages, or four that may go to many, into one transaction", async () => {
  const { messenger, batches } = openMessenger(() => sent);
  const direct = Array.from({ length: 100 }, (_, index) => messenger.send(toMessage(`s${index}`)));
  await Promise.all(direct);
  expect(batches.map(({ length }) => length)).toEqual([64, 36]);
  const many = Array.from({ length: 5 }, (_, index) => messenger.send(toMessage(`s${index}`, { broadcast: true })));
  await Promise.all(many);
  expect(batches.slice(2).map(({ length }) => length)).toEqual([4, 1]);
});

test("answers an unknown and a full receiver with their errors, and others of the batch as they went", async () => {
  const { messenger, told } = openMessenger(({ senderId }) => {
    if (senderId === "lost") return { kind: "unknown" };
    return senderId === "late" ? { kind: "full" } : sent;
  });
  const [lost, late, fine] = await Promise.allSettled(
    ["lost", "late", "fine"].map((sender) => messenger.send(toMessage(sender))),
  );
  expect(lost).toMatchObject({ reason: { code: "not_found", message: 'no agent "reader"' } });
  expect(late).toMatchObject({
    reason: { code: "resource_exhausted", reason: "mailbox_full", retryAfterMs: 15_000 },
  });
  expect(fine).toMatchObject({ value: { accepted: 1, queued: 0 } });
  expect(told).toEqual([[receiver]]);
});
