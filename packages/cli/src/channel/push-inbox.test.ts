import type { JSONRPCMessage } from "@modelcontextprotocol/server";
import { expect, test } from "vitest";
import { pushInbox, toChannelMessage } from "./push-inbox.ts";

interface Run {
  readonly pushed: JSONRPCMessage[];
  readonly asked: Readonly<Record<string, unknown>>[];
  readonly reported: string[];
}

/** Answers the calls in order; the last one ends it. */
async function run(answers: readonly (object | Error)[]): Promise<Run> {
  const ending = new AbortController();
  const seen: Run = { pushed: [], asked: [], reported: [] };
  await pushInbox(
    {
      agent: "a",
      callTool: (_, args) => {
        seen.asked.push(args);
        const answer = answers[seen.asked.length - 1];
        if (seen.asked.length >= answers.length) ending.abort();
        return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
      },
      push: async (message) => void seen.pushed.push(message),
      pause: () => Promise.resolve(),
      report: (text) => seen.reported.push(text),
    },
    ending.signal,
  );
  return seen;
}

const item = (seq: number) => ({ seq, kind: "message", content: `text ${seq}` });

test("each item is pushed once, and asked for behind the last", async () => {
  const { pushed, asked } = await run([{ items: [item(4), item(7)] }, { items: [] }, { items: [item(9)] }]);
  expect(pushed.map((message) => "params" in message && message.params)).toEqual([
    { content: "text 4", meta: { seq: "4", kind: "message" } },
    { content: "text 7", meta: { seq: "7", kind: "message" } },
    { content: "text 9", meta: { seq: "9", kind: "message" } },
  ]);
  expect(asked.map(({ cursor }) => cursor)).toEqual([undefined, 7, 7]);
});

test("a failure is told once, and what comes after it is pushed", async () => {
  const { pushed, reported } = await run([new Error("away"), new Error("away"), { items: [item(1)] }]);
  expect(pushed).toHaveLength(1);
  expect(reported).toEqual(["the inbox of a can't be read: away"]);
});

test("an answer that is no inbox is a failure", async () => {
  const { reported } = await run([{ entries: [] }, { items: [] }]);
  expect(reported).toHaveLength(1);
});

test("content that is no text goes as JSON, an agent by its name", () => {
  const message = { seq: 1, kind: "message", from: { id: "x", name: "planner" }, content: { a: [1] }, urgent: true };
  expect(toChannelMessage(message)).toEqual({
    jsonrpc: "2.0",
    method: "notifications/claude/channel",
    params: { content: '{"a":[1]}', meta: { seq: "1", kind: "message", from: "planner", urgent: "true" } },
  });
});

test("an item without content tells what it is", () => {
  expect(toChannelMessage({ seq: 2, kind: "task_cancelled", taskId: "t" })).toMatchObject({
    params: { content: '{"seq":2,"kind":"task_cancelled","taskId":"t"}', meta: { taskId: "t" } },
  });
});
