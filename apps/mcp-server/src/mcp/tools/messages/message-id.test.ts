import { type AgentId, isUuid } from "@devmesh/models";
import { expect, test } from "vitest";
import { messageIdOf } from "./message-id.ts";

const sender = "s" as AgentId;

test("is the one that was given, or made from the key of this sender", () => {
  expect(messageIdOf({}, sender)).toBeUndefined();
  expect(messageIdOf({ messageId: "m", idempotencyKey: "k" }, sender)).toBe("m");
  const made = messageIdOf({ idempotencyKey: "k" }, sender) ?? "";
  expect(isUuid(made)).toBe(true);
  expect(made).toMatch(/^.{14}8.{4}[89ab]/);
  expect(messageIdOf({ idempotencyKey: "k" }, sender)).toBe(made);
  expect(messageIdOf({ idempotencyKey: "l" }, sender)).not.toBe(made);
  expect(messageIdOf({ idempotencyKey: "k" }, "r" as AgentId)).not.toBe(made);
});
