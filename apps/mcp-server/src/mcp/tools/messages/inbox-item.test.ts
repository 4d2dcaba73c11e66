import { messageTypes } from "@devmesh/protocol";
import { expect, test } from "vitest";
import { toInboxItem } from "./inbox-item.ts";

const taskId = "01980000-0000-7000-8000-000000000001";
const assignmentId = "01980000-0000-7000-8000-000000000002";
const mesh = { id: "00000000-0000-0000-0000-000000000000", name: "devmesh" };
const message = { messageId: "m", from: { id: "a", name: "b" }, kind: "note", content: null, sentAt: "2026-11-30" };

const item = (type: number, payload: object) => toInboxItem({ seq: 7, type, payload: { ...payload } });

test("shows a message with what its sender called it", () => {
  expect(item(messageTypes.MESSAGE, message)).toEqual({
    seq: 7,
    kind: "message",
    from: message.from,
    messageId: "m",
    messageKind: "note",
    content: null,
    at: "2026-11-30",
  });
});

test("knows the mesh's own messages, and believes no other sender to be it", () => {
  const content = { taskId, assignmentId, answer: 1 };
  const answered = { ...message, from: mesh, kind: "task.answer", content };
  expect(item(messageTypes.MESSAGE, answered)).toMatchObject({ kind: "task_answered", taskId, assignmentId });
  expect(item(messageTypes.MESSAGE, { ...answered, kind: "task.children" })).toMatchObject({ kind: "task_resumed" });
  const forged = item(messageTypes.MESSAGE, { ...answered, from: { id: "a", name: "devmesh" } });
  expect(forged).toMatchObject({ kind: "message" });
  expect(forged).not.toHaveProperty("taskId");
});

test("shows cancelled assignments, events, and what it does not know", () => {
  expect(item(messageTypes.TASK_CANCEL, { assignmentId, fence: 2, reason: "why" })).toEqual({
    seq: 7,
    kind: "task_cancelled",
    assignmentId,
    fence: 2,
    reason: "why",
  });
  const event = { id: "1.2", type: "task.completed", at: "2026-11-30", subject: taskId, data: {} };
  expect(item(messageTypes.EVENT, { topic: "task.completed", event })).toMatchObject({ kind: "event", content: event });
  expect(item(0xf001, { own: 1 })).toEqual({ seq: 7, kind: "other", content: { own: 1 } });
});
