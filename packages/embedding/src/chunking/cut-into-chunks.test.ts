import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { countTokens } from "./count-tokens.ts";
import { type CutOptions, cutIntoChunks } from "./cut-into-chunks.ts";

function options(over: Partial<CutOptions> = {}): CutOptions {
  return { mode: "markdown", maxTokens: 32, overlapTokens: 8, mediaType: undefined, externalId: "a.md", ...over };
}

/** Texts that look like documents, and some that look like nothing. */
const line = fc.oneof(
  fc.array(fc.nat(0xffff), { maxLength: 80 }).map((codes) => String.fromCharCode(...codes)),
  fc.lorem({ mode: "sentences", maxCount: 3 }),
  fc.constantFrom(
    "# Title",
    "## Part ##",
    "Underlined",
    "====",
    "---",
    "```ts",
    "```",
    "~~~",
    "- item of a list",
    "1. one",
  ),
  fc.constantFrom(
    "| a | b |",
    "| - | - |",
    "",
    "",
    "    indented();",
    "}",
    "\t",
    "東京は晴れです。明日は雨。",
    "🙂".repeat(30),
  ),
  fc.integer({ min: 1, max: 400 }).map((length) => "x".repeat(length)),
);
const document = fc
  .array(fc.tuple(line, fc.constantFrom("\n", "\n", "\r\n", "\n\n")), { maxLength: 40 })
  .map((lines) => lines.flat().join(""));
const cutting = fc.record({
  mode: fc.constantFrom("markdown", "text", "code" as const),
  maxTokens: fc.integer({ min: 32, max: 120 }),
  overlapTokens: fc.integer({ min: 0, max: 16 }),
  maxCharacters: fc.constantFrom(64, 2_048),
});

describe("cutIntoChunks", () => {
  it("gives exact slices within the limits that together hold everything but white space", () => {
    fc.assert(
      fc.property(document, cutting, (content, how) => {
        const chunks = cutIntoChunks(content, options(how));
        const covered = new Uint8Array(content.length);
        for (const [i, chunk] of chunks.entries()) {
          expect(chunk.ordinal).toBe(i);
          expect(content.slice(chunk.start, chunk.end)).toBe(chunk.content);
          expect(chunk.content.trim()).not.toBe("");
          expect(chunk.tokens).toBe(countTokens(chunk.content));
          expect(chunk.tokens).toBeLessThanOrEqual(how.maxTokens);
          expect(chunk.content.length).toBeLessThanOrEqual(how.maxCharacters);
          covered.fill(1, chunk.start, chunk.end);
        }
        for (let at = 0; at < content.length; at++) {
          if (covered[at] === 0) expect(content[at]?.trim()).toBe("");
        }
      }),
      { numRuns: 500 },
    );
  });

  it("repeats no more than the overlap, and always goes on", () => {
    fc.assert(
      fc.property(document, cutting, (content, how) => {
        const chunks = cutIntoChunks(content, options(how));
        for (const [i, chunk] of chunks.entries()) {
          const before = chunks[i - 1];
          if (before === undefined) continue;
          expect(chunk.end).toBeGreaterThan(before.end);
          expect(chunk.start).toBeGreaterThan(before.start);
          const repeated = content.slice(chunk.start, Math.max(chunk.start, before.end));
          expect(countTokens(repeated)).toBeLessThanOrEqual(how.overlapTokens);
        }
      }),
      { numRuns: 500 },
    );
  });

  it("never cuts inside a surrogate pair", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", minLength: 50 }), cutting, (content, how) => {
        for (const chunk of cutIntoChunks(content.toWellFormed(), options(how))) {
          expect(chunk.content.isWellFormed()).toBe(true);
        }
      }),
    );
  });

  it.each([
    [400, 2_048],
    [512, 2_048],
    [2_048, 8_192],
  ])("bounds a chunk of %i tokens by %i characters where nothing else is said", (maxTokens, maxCharacters) => {
    const lengths = cutIntoChunks(`${"_".repeat(70)}\n`.repeat(2_000), options({ maxTokens })).map(
      ({ content }) => content.length,
    );
    expect(Math.max(...lengths)).toBeLessThanOrEqual(maxCharacters);
    expect(Math.max(...lengths)).toBeGreaterThan(maxCharacters / 2);
  });

  it.each(["", " ", "\n\n\n", "\u2028 \t"])("gives %j no chunks", (content) => {
    expect(cutIntoChunks(content, options())).toEqual([]);
  });

  it("keeps the headings that a chunk stands under, and begins a chunk with a section", () => {
    const text = "A sentence of some words that says enough to be a chunk of its own. ".repeat(2);
    const content = `# Guide\n\n## First\n\n${text}\n\n### Deep ###\n\n${text}\n\nSecond\n------\n\n${text}`;
    const chunks = cutIntoChunks(content, options({ maxTokens: 60 }));
    expect(chunks.map(({ heading }) => heading)).toEqual(["Guide › First", "Guide › First › Deep", "Guide › Second"]);
    expect(chunks.map((chunk) => chunk.content.slice(0, 8))).toEqual(["# Guide\n", "### Deep", "Second\n-"]);
  });

  it("takes a heading with what follows it, not with what stood before it", () => {
    const filler = "Words to fill the chunk up to its limit, as many as there may be. ";
    const chunks = cutIntoChunks(`${filler}\n\n# Next\n\n${filler}`, options());
    expect(chunks.map((chunk) => chunk.content.includes("# Next"))).toEqual([false, true]);
    expect(chunks[1]?.content.startsWith("# Next")).toBe(true);
  });

  it("does not read headings inside a fence, and keeps a fence and a table whole where they fit", () => {
    const before = "Some words stand before the block, so that it does not fit behind them any more. ".repeat(2);
    const fence = "```sh\n# no heading\necho one\n\necho two\n```";
    const table = "| name | value |\n| ---- | ----- |\n| one  | 1     |";
    for (const block of [fence, table]) {
      const chunks = cutIntoChunks(`# Top\n\n${before}\n\n${block}\n\nAfter.`, options({ maxTokens: 50 }));
      expect(chunks.some((chunk) => chunk.content.includes(block))).toBe(true);
      expect(new Set(chunks.map(({ heading }) => heading))).toEqual(new Set(["Top"]));
    }
  });

  it("cuts code where a function begins, and keeps its indentation", () => {
    const body = "  const value = compute(first, second);\n\n  return value;\n";
    const content = ["one", "two", "three"].map((name) => `function ${name}() {\n${body}}\n`).join("\n");
    const chunks = cutIntoChunks(content, options({ mode: "code", maxTokens: 40, overlapTokens: 0 }));
    expect(chunks.map((chunk) => chunk.content.split("\n")[0])).toEqual([
      "function one() {",
      "function two() {",
      "function three() {",
    ]);
    expect(chunks[0]?.content).toContain("\n  const value");
  });

  it("repeats the sentence before a cut", () => {
    const content = "One is here now. Two is here now. Three is here now. Four is here now. Five is here now. ".repeat(
      3,
    );
    const [first, second] = cutIntoChunks(content, options({ mode: "text" }));
    const repeated = content.slice(second?.start, first?.end);
    expect(repeated).toMatch(/^[A-Z][a-z]+ is here now\.$/);
    expect(second?.content.startsWith(`${repeated} `)).toBe(true);
  });

  it.each([
    ["text/markdown; charset=utf-8", "notes", "# A"],
    [undefined, "README.MD", "# A"],
    ["text/plain", "README.md", "# A"],
    [undefined, "notes.txt", undefined],
    ["application/json", "README.md", undefined],
  ])("takes %j %j for what it is", (mediaType, externalId, markdown) => {
    const chunks = cutIntoChunks("# A\n\nb", options({ mode: "auto", mediaType, externalId }));
    expect(chunks[0]?.heading).toBe(markdown === undefined ? undefined : "A");
  });

  // a quarter of the longest document: what is quadratic takes minutes, what is linear half a second
  const size = 1 << 18;
  it.each([
    ["one word", "x".repeat(size)],
    ["newlines", `a${"\n".repeat(size)}b`],
    ["backticks", "`".repeat(size)],
    ["fences", "```\n".repeat(size / 4)],
    ["hashes", `# ${"#".repeat(size)}`],
    ["pipes", "|-".repeat(size / 2)],
    ["spaces", `# a${" ".repeat(size)}b`],
    ["headings", "# a\n".repeat(size / 4)],
    ["items", "- a\n".repeat(size / 4)],
    ["full stops", ". ".repeat(size / 2)],
    ["high surrogates", "\ud800".repeat(size / 2)],
  ])("cuts %s in linear time", { timeout: 20_000 }, (_, content) => {
    const began = performance.now();
    const modes = ["markdown", "text", "code"] as const;
    for (const mode of modes) cutIntoChunks(content, options({ mode, maxTokens: 400, overlapTokens: 40 }));
    expect(performance.now() - began).toBeLessThan(15_000);
  });
});
