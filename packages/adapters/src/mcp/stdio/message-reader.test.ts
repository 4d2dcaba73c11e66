import { describe, expect, it } from "vitest";
import { createMessageReader } from "./message-reader.ts";

function setUp(more: object = {}) {
  const messages: unknown[] = [];
  const badAnswers: unknown[] = [];
  let time = 0;
  const limits = { maxMessageBytes: 200, maxNoiseLines: 2, maxUnasked: 3, now: () => time, ...more };
  const pass = (ms: number): void => {
    time += ms;
  };
  const reader = createMessageReader(limits, {
    onMessage: (message) => messages.push(message),
    isAwaited: (id) => id !== 2 && id !== 3,
    onBadAnswer: (id) => badAnswers.push(id),
  });
  const push = (...lines: unknown[]): void => {
    const text = lines.map((line) =>
      typeof line === "string" ? line : JSON.stringify({ jsonrpc: "2.0", ...(line as object) }),
    );
    reader.push(Buffer.from(`${text.join("\n")}\n`));
  };
  return { messages, badAnswers, push, pass };
}

const answer = { id: 1, result: {} };
const log = { method: "notifications/message", params: { level: "info", data: "x" } };
const progress = { method: "notifications/progress", params: { progressToken: 1, progress: 1 } };

describe("createMessageReader", () => {
  it("gives answers, progress and requests, and drops what nobody listens to", () => {
    const { messages, push } = setUp();
    push(answer, log, progress, { id: 7, method: "sampling/createMessage", params: {} }, "");
    expect(messages).toMatchObject([answer, progress, { id: 7, method: "sampling/createMessage" }]);
  });

  it("bears lines that are no messages, but not many in a row", () => {
    const { messages, push } = setUp();
    push("Welcome", "{", answer, "[1]", "null", answer);
    expect(messages).toHaveLength(2);
    expect(() => push("a", "b", "c")).toThrow("3 lines that are no messages");
  });

  it("bears no endless empty lines, and no answers that nobody waits for", () => {
    expect(() => setUp().push("", " ", "")).toThrow("3 lines that are no messages");
    const other = { id: 2, result: {} };
    expect(() => setUp().push(other, other, { id: 3, error: { code: 1, message: "" } }, other)).toThrow(
      expect.objectContaining({ reason: "output_too_large" }),
    );
    const { messages, push } = setUp();
    push(other, other, other, answer, other, other, other, answer);
    expect(messages).toMatchObject([answer, answer]);
  });

  it("counts what is long as more than one", () => {
    const long = { method: "notifications/message", params: { data: "x".repeat(1_100) } };
    const { push } = setUp({ maxMessageBytes: 200_000 });
    push(long);
    expect(() => push(long)).toThrow(expect.objectContaining({ reason: "output_too_large" }));
    expect(() => setUp({ maxMessageBytes: 200_000 }).push(`"${"x".repeat(150_000)}"`)).toThrow(
      "3 lines that are no messages",
    );
  });

  it("names the request whose answer is none", () => {
    const { badAnswers, push } = setUp();
    push({ id: 4, result: "text" }, { id: "x", error: { code: "no number" } });
    expect(badAnswers).toEqual([4, "x"]);
  });

  it("doesn't listen for ever to what answers nothing", () => {
    const { push, pass } = setUp();
    push(log, log, progress, answer, log, progress, log);
    pass(10);
    push(log);
    expect(() => push(log)).toThrow(
      expect.objectContaining({ code: "resource_exhausted", reason: "output_too_large" }),
    );
  });

  it("reads no message that is too long", () => {
    const { push } = setUp();
    const tooLong = expect.objectContaining({
      reason: "output_too_large",
      message: expect.stringContaining("200 bytes"),
    });
    expect(() => push({ id: 1, result: { text: "x".repeat(200) } })).toThrow(tooLong);
  });
});
