import { expect, test } from "vitest";
import { HandlerLine } from "./handler-line.ts";

interface Item {
  readonly seq?: number;
  readonly text: string;
}

function openLine() {
  const processed: number[] = [];
  const problems: string[] = [];
  const line = new HandlerLine<Item>({
    noun: "message",
    process: (seq) => processed.push(seq),
    report: ({ error }) => problems.push(error.message),
  });
  return { line, processed, problems };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test("keeps at most 1,000 for a first handler, and gives up the oldest", async () => {
  const { line, processed, problems } = openLine();
  for (let seq = 1; seq <= 1_002; seq++) line.push({ seq, text: "" });
  expect(processed).toEqual([1, 2]);
  expect(problems[0]).toBe("1000 messages wait and there is no handler, the oldest was dropped");
  const heard: (number | undefined)[] = [];
  line.listen(({ seq }) => heard.push(seq));
  await turn();
  expect(heard).toEqual(Array.from({ length: 1_000 }, (_, index) => index + 3));
  expect(processed).toHaveLength(1_002);
});

test("drops what is not sequenced past 10,000 that wait for a slow handler, and nothing sequenced", async () => {
  const { line, processed, problems } = openLine();
  const gate = Promise.withResolvers<void>();
  let heard = 0;
  line.listen(async () => {
    await gate.promise;
    heard++;
  });
  line.push({ text: "first" });
  for (let index = 0; index < 10_001; index++) line.push({ text: "" });
  line.push({ seq: 1, text: "" });
  expect(problems).toEqual(["10000 messages wait for the handler, one more was dropped"]);
  gate.resolve();
  await expect.poll(() => heard).toBe(10_002);
  expect(processed).toEqual([1]);
});

test("once it is stopped begins nothing more, and leaves unprocessed what waits", async () => {
  const { line, processed } = openLine();
  const gate = Promise.withResolvers<void>();
  const heard: string[] = [];
  line.listen(async ({ text }) => {
    heard.push(text);
    await gate.promise;
  });
  line.push({ seq: 1, text: "a" });
  line.push({ seq: 2, text: "b" });
  const stopped = line.stop();
  line.push({ seq: 3, text: "c" });
  gate.resolve();
  await stopped;
  await turn();
  expect(heard).toEqual(["a"]);
  expect(processed).toEqual([1]);
});

test("gives each item to the handler that listens when its turn comes", async () => {
  const { line } = openLine();
  const heard: string[] = [];
  line.listen(({ text }) => heard.push(`old ${text}`));
  line.push({ text: "a" });
  await turn();
  line.listen(({ text }) => heard.push(`new ${text}`));
  line.push({ text: "b" });
  await turn();
  expect(heard).toEqual(["old a", "new b"]);
});
