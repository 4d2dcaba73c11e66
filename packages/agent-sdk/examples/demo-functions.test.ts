import { expect, test } from "vitest";
import { extractKeywords } from "./extract-keywords.ts";
import { measureCode } from "./measure-code.ts";
import { readCount, readText } from "./read-input.ts";
import { summarize } from "./summarize.ts";

test("summarizes by the sentences whose words come up most, in the order of the text", () => {
  const text = `# Leases
A lease gives a task to one agent for a while. It rained on Tuesday.
The agent renews the lease while the task runs. Nobody minded the weather much.
When the lease runs out, the task goes to another agent.`;
  const { sentences, sentenceCount } = summarize(text, 3);
  expect(sentenceCount).toBe(5);
  expect(sentences).toEqual([
    "A lease gives a task to one agent for a while.",
    "The agent renews the lease while the task runs.",
    "When the lease runs out, the task goes to another agent.",
  ]);
});

test("takes a sentence over several lines as one", () => {
  const { sentences } = summarize("A task that was accepted\nis never lost. Its result\nis recorded once.", 2);
  expect(sentences).toEqual(["A task that was accepted is never lost.", "Its result is recorded once."]);
});

test("summarizes a text without a sentence as nothing", () => {
  expect(summarize("!?", 3)).toEqual({ summary: "", sentences: [], sentenceCount: 0 });
});

test("finds terms between stop words, those that recur first", () => {
  const text = "The binary protocol is simple. A binary protocol is for machines, and frames of it are small.";
  const keywords = extractKeywords(text, 2);
  expect(keywords[0]).toMatchObject({ phrase: "binary protocol", count: 2 });
  expect(keywords).toHaveLength(2);
  expect(extractKeywords("constructor __proto__ toString", 5).length).toBeGreaterThan(0);
});

test("measures a source text", () => {
  const source = `import { a } from "node:a";
import "./b.ts"; // and a comment

/* function no() {} */
export function first(x: number): number {
  if (x > 1) {
    return [1].map((y) => { return y; })[0] ?? 0;
  }
  return /[{"]/.test("{") ? 1 : 2;
}

class Box {
  #size = 1;
  grow(by: number): void { this.#size += by; }
}
const arrow = async (): Promise<void> => {
};
`;
  expect(measureCode(source)).toEqual({
    lines: 17,
    blankLines: 2,
    commentLines: 1,
    codeLines: 14,
    functions: 4,
    longestFunction: { name: "first", line: 5, lines: 6 },
    maxNesting: 3,
    imports: ["node:a", "./b.ts"],
  });
});

test("refuses wrong input for good", () => {
  for (const input of [undefined, null, 7, {}, { text: "" }, { text: 1 }]) {
    expect(() => readText(input, "text")).toThrow(expect.objectContaining({ class: "permanent" }));
  }
  for (const limit of [0, 1.5, 201, "3"]) {
    expect(() => readCount({ limit }, "limit", { max: 200, fallback: 10 })).toThrow("integer from 1 to 200");
  }
  expect(readCount({}, "limit", { max: 200, fallback: 10 })).toBe(10);
});
