import { expect, test } from "vitest";
import { reviewer, userMessage } from "../../test/_a2a.ts";
import { toAnswer, toSubmission } from "./to-submission.ts";

test("a message is a task of the agent's first capability, for this agent alone", () => {
  expect(toSubmission(userMessage(["Review it\nplease", { ref: "main" }]), reviewer, "c-1")).toMatchObject({
    type: "code.review",
    title: "Review it",
    requirements: { agent: reviewer.id },
    input: {
      text: "Review it\nplease",
      message: { messageId: "m-1", contextId: "c-1", parts: [{ text: "Review it\nplease" }, { data: {} }] },
    },
    labels: [`a2a:${reviewer.id}`, "a2a-context:c-1"],
  });
});

test("metadata names another skill", () => {
  const message = userMessage(["Write it"], { metadata: { skill: "code.write" } });
  expect(toSubmission(message, reviewer, "c-1")).toMatchObject({ type: "code.write" });
});

test("a skill that the agent lacks is refused with those that it has", () => {
  const message = userMessage(["Sing"], { metadata: { skill: "sing" } });
  expect(() => toSubmission(message, reviewer, "c-1")).toThrow(
    'agent reviewer has no skill "sing", it has code.review, code.write',
  );
});

test("an agent without capabilities takes no tasks", () => {
  expect(() => toSubmission(userMessage(["x"]), { ...reviewer, capabilities: [] }, "c-1")).toThrow(
    "agent reviewer has no capabilities",
  );
});

test("a context whose name is too long for a label is refused", () => {
  expect(() => toSubmission(userMessage(["x"]), reviewer, "c".repeat(53))).toThrow(
    "contextId of 53 characters exceeds the limit of 52",
  );
});

test("a title is cut between characters, and holds nothing that can't be kept", () => {
  const { title } = toSubmission(userMessage([`\u0000${"𝕏".repeat(300)}`]), reviewer, "c-1");
  expect(title).toBe(`\ufffd${"𝕏".repeat(99)}`);
});

test("a message of data alone is that data's task, without a title", () => {
  const submission = toSubmission(userMessage([{ a: 1 }]), reviewer, "c-1");
  expect(submission).toMatchObject({ input: { a: 1 } });
  expect(submission).not.toHaveProperty("title");
});

test("a message without text has itself as input", () => {
  const { input } = toSubmission(userMessage([{ a: 1 }, { b: 2 }]), reviewer, "c-1");
  expect(input).not.toHaveProperty("text");
  expect(input).toMatchObject({ message: { parts: [{ data: { a: 1 } }, { data: { b: 2 } }] } });
});

test("an answer is the one part of data, else the text", () => {
  expect(toAnswer(userMessage(["see", { approved: true }]))).toEqual({ approved: true });
  expect(toAnswer(userMessage(["yes", "please"]))).toBe("yes\nplease");
  expect(toAnswer(userMessage(["two", { a: 1 }, { b: 2 }]))).toBe("two");
});
