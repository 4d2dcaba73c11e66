import { describe, expect, test } from "vitest";
import { agentRegistrationSchema, agentUpdateSchema } from "./agent.ts";

const accepts = (more: Record<string, unknown>) =>
  agentRegistrationSchema.safeParse({ name: "a", capabilities: [], ...more }).success;
const capabilities = (count: number) => Array.from({ length: count }, (_, index) => ({ name: `c${index}` }));
/** Metadata of so many bytes as JSON. */
const metadata = (bytes: number, character = "x") => ({
  k: character.repeat((bytes - 8) / Buffer.byteLength(character)),
});

describe("a registration", () => {
  test("gets defaults: a worker, one task at a time, level 1", () => {
    expect(agentRegistrationSchema.parse({ name: "a", capabilities: [{ name: "c" }] })).toEqual({
      name: "a",
      kind: "worker",
      capabilities: [{ name: "c", level: 1 }],
      maxConcurrency: 1,
    });
  });

  test.each<[string, readonly unknown[], readonly unknown[]]>([
    ["name", ["a", "reviewer-1", "x".repeat(128)], ["", "x".repeat(129), "a b", undefined]],
    ["kind", ["coordinator", "worker", "monitor"], ["boss", ""]],
    ["maxConcurrency", [1, 1_000], [0, 1_001, 1.5, "1"]],
    ["capabilities", [[], capabilities(100)], [capabilities(101), undefined, [{ name: "c" }, { name: "c", level: 2 }]]],
    [
      "metadata",
      [{}, metadata(65_536), metadata(65_534, "ä"), { a: { b: [1] } }],
      [metadata(65_537), metadata(65_538, "ä"), [], "m"],
    ],
  ])("bounds %s", (field, good, bad) => {
    for (const value of good)
      expect(accepts({ [field]: value }), `${field} ${JSON.stringify(value)?.slice(0, 60)}`).toBe(true);
    for (const value of bad)
      expect(accepts({ [field]: value }), `${field} ${JSON.stringify(value)?.slice(0, 60)}`).toBe(false);
  });

  test.each<[string, readonly unknown[], readonly unknown[]]>([
    ["level", [1, 100], [0, 101, 1.5]],
    ["costMicroUsd", [0, 1_000_000_000_000], [-1, 1_000_000_000_001, 0.5]],
    ["tags", [{}, { language: "ts" }], [{ language: 1 }]],
  ])("bounds a capability's %s", (field, good, bad) => {
    for (const value of good) expect(accepts({ capabilities: [{ name: "c", [field]: value }] }), `${value}`).toBe(true);
    for (const value of bad) expect(accepts({ capabilities: [{ name: "c", [field]: value }] }), `${value}`).toBe(false);
  });

  test.each<[string, unknown, boolean]>([
    ["U+0000", { a: ["\u0000"] }, false],
    ["U+0000 in a name", { "\u0000": 1 }, false],
    ["U+0000 after a backslash", { a: "\\\u0000" }, false],
    ["a lone surrogate", { a: "\ud800" }, false],
    ["the six characters \\u0000", { a: "\\u0000" }, true],
    ["a pair of surrogates", { a: "\u{1f600}" }, true],
  ])("tells what the store can't keep in metadata: %s", (_, value, isStorable) => {
    expect(accepts({ metadata: value })).toBe(isStorable);
  });
});

describe("an update", () => {
  test("changes what it names and defaults nothing", () => {
    expect(agentUpdateSchema.parse({})).toEqual({});
    expect(agentUpdateSchema.parse({ availability: "draining" })).toEqual({ availability: "draining" });
  });

  test.each([
    [{ availability: "busy" }, true],
    [{ availability: "gone" }, false],
    [{ load: { cpu: 0.5, memory: 0, queue: 3 } }, true],
    [{ load: { cpu: -1 } }, false],
    [{ maxConcurrency: 0 }, false],
    [{ capabilities: capabilities(101) }, false],
  ])("%j: %s", (update, isValid) => expect(agentUpdateSchema.safeParse(update).success).toBe(isValid));
});
