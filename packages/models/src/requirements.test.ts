import { describe, expect, test } from "vitest";
import { canonicalJson } from "./json.ts";
import { requirementsSchema, toRequirements } from "./requirements.ts";

describe("toRequirements", () => {
  test("asks for the type at level 1 where nothing is said", () => {
    const defaults = {
      capabilities: ["code.review"],
      minLevel: 1,
      tags: {},
      type: "code.review",
      excludedAgentIds: [],
    };
    expect(toRequirements("code.review", undefined)).toEqual(defaults);
    expect(toRequirements("code.review", {})).toEqual(defaults);
  });

  test("keeps what is asked", () => {
    const asked = { capabilities: ["b"], minLevel: 3, tags: { language: "typescript" }, agent: "reviewer-1" };
    expect(toRequirements("a", asked)).toEqual({ ...asked, type: "a", excludedAgentIds: [] });
  });

  test("makes equal requirements equal texts: no capability twice, one order", () => {
    const one = toRequirements("t", { capabilities: ["b", "a", "b"], tags: { y: "2", x: "1" } });
    const other = toRequirements("t", { capabilities: ["a", "b"], tags: { x: "1", y: "2" } });
    expect(one.capabilities).toEqual(["a", "b"]);
    expect(canonicalJson(one)).toBe(canonicalJson(other));
  });
});

describe("requirementsSchema", () => {
  const names = (count: number) => Array.from({ length: count }, (_, index) => `c${index}`);
  test.each([
    ["nothing", {}, true],
    ["no capability", { capabilities: [] }, false],
    ["20 capabilities", { capabilities: names(20) }, true],
    ["21 capabilities", { capabilities: names(21) }, false],
    ["level 0", { minLevel: 0 }, false],
    ["level 1", { minLevel: 1 }, true],
    ["level 100", { minLevel: 100 }, true],
    ["level 101", { minLevel: 101 }, false],
    ["level 1.5", { minLevel: 1.5 }, false],
    ["an agent", { agent: "a-1" }, true],
    ["an agent without a name", { agent: "" }, false],
  ])("%s", (_, value, isValid) => expect(requirementsSchema.safeParse(value).success).toBe(isValid));
});
