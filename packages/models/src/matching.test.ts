import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Capability } from "./agent.ts";
import { findMisfit, type MatchableAgent, measureFit } from "./matching.ts";
import { type Requirements, toRequirements } from "./requirements.ts";

const agent = (...capabilities: Capability[]): MatchableAgent => ({ id: "id-1", name: "reviewer-1", capabilities });
const asked = (more: Partial<Requirements> = {}): Requirements => ({ ...toRequirements("review", undefined), ...more });

describe("findMisfit", () => {
  const review: Capability = { name: "review", level: 2, tags: { language: "ts", size: "L" } };
  test.each<[string, Partial<Requirements>, Capability[], string | undefined]>([
    ["the capability", {}, [review], undefined],
    ["no capability at all", {}, [], "capability"],
    ["another capability", {}, [{ name: "Review", level: 9 }], "capability"],
    ["one of two capabilities", { capabilities: ["review", "test"] }, [review], "capability"],
    ["both", { capabilities: ["review", "test"] }, [review, { name: "test", level: 1 }], undefined],
    ["the level exactly", { minLevel: 2 }, [review], undefined],
    ["a level less", { minLevel: 3 }, [review], "level"],
    [
      "the level of one of two",
      { capabilities: ["review", "x"], minLevel: 2 },
      [review, { name: "x", level: 1 }],
      "level",
    ],
    ["the tags", { tags: { language: "ts" } }, [review], undefined],
    ["all of the tags", { tags: { language: "ts", size: "L" } }, [review], undefined],
    ["a tag of another value", { tags: { language: "TS" } }, [review], "tags"],
    ["a tag that is absent", { tags: { region: "eu" } }, [review], "tags"],
    ["tags where the agent has none", { tags: { language: "ts" } }, [{ name: "review", level: 1 }], "tags"],
    ["a tag named as what every object has", { tags: { constructor: "x" } }, [review], "tags"],
    ["its name", { agent: "reviewer-1" }, [review], undefined],
    ["its id", { agent: "id-1" }, [review], undefined],
    ["another agent", { agent: "reviewer-2" }, [review], "agent"],
    ["a task it rejected", { excludedAgentIds: ["id-0", "id-1"] }, [review], "rejected"],
    ["a task that another rejected", { excludedAgentIds: ["id-2"] }, [review], undefined],
  ])("%s", (_, more, capabilities, misfit) => {
    expect(findMisfit(asked(more), agent(...capabilities))).toBe(misfit);
  });

  test("names the first misfit in the order agent, capability, level, tags, rejected", () => {
    const wrong = { agent: "x", minLevel: 5, tags: { a: "b" }, excludedAgentIds: ["id-1"] };
    expect(findMisfit(asked(wrong), agent())).toBe("agent");
    const { agent: _, ...unnamed } = wrong;
    expect(findMisfit(asked(unnamed), agent())).toBe("capability");
    expect(findMisfit(asked(unnamed), agent({ name: "review", level: 1 }))).toBe("level");
    expect(findMisfit(asked(unnamed), agent({ name: "review", level: 5 }))).toBe("tags");
    expect(findMisfit(asked({ ...unnamed, tags: {} }), agent({ name: "review", level: 5 }))).toBe("rejected");
  });
});

describe("measureFit", () => {
  test("sums level gaps and costs of the asked capabilities only", () => {
    const skilled = agent(
      { name: "a", level: 5, costMicroUsd: 10 },
      { name: "b", level: 3, costMicroUsd: 0 },
      { name: "c", level: 90, costMicroUsd: 999 },
    );
    expect(measureFit(asked({ capabilities: ["a", "b"], minLevel: 2 }), skilled)).toEqual({
      levelGap: 4,
      costMicroUsd: 10,
    });
  });

  test("knows no cost where one of the capabilities states none", () => {
    const skilled = agent({ name: "a", level: 1, costMicroUsd: 10 }, { name: "b", level: 1 });
    expect(measureFit(asked({ capabilities: ["a", "b"] }), skilled).costMicroUsd).toBeUndefined();
    expect(measureFit(asked({ capabilities: ["a"] }), skilled).costMicroUsd).toBe(10);
  });
});

describe("a fitting agent", () => {
  const name = fc.constantFrom("a", "b", "c");
  const tags = fc.dictionary(fc.constantFrom("x", "y"), fc.constantFrom("1", "2"), { noNullPrototype: true });
  const capability: fc.Arbitrary<Capability> = fc.record(
    { name, level: fc.integer({ min: 1, max: 3 }), tags, costMicroUsd: fc.nat(5) },
    { requiredKeys: ["name", "level"] },
  );
  const capabilities = fc.uniqueArray(capability, { selector: (one) => one.name, minLength: 2, maxLength: 3 });
  const requirements: fc.Arbitrary<Requirements> = fc
    .record({ capabilities: fc.uniqueArray(name, { minLength: 1 }), minLevel: fc.integer({ min: 1, max: 3 }), tags })
    .map((more) => asked(more));
  const holds = (law: (asks: Requirements, list: readonly Capability[]) => void) =>
    fc.assert(
      fc.property(requirements, capabilities, (asks, list) => {
        fc.pre(findMisfit(asks, agent(...list)) === undefined);
        law(asks, list);
      }),
      { numRuns: 60 },
    );

  test("still fits with one capability more", () => {
    holds((asks, list) => {
      const richer = [{ name: "extra", level: 1 }, ...list];
      expect(findMisfit(asks, agent(...richer))).toBeUndefined();
      expect(measureFit(asks, agent(...richer))).toEqual(measureFit(asks, agent(...list)));
    });
  });

  test("still fits at higher levels, with a gap that grows by as much", () => {
    holds((asks, list) => {
      const better = agent(...list.map((one) => ({ ...one, level: one.level + 1 })));
      expect(findMisfit(asks, better)).toBeUndefined();
      const { levelGap } = measureFit(asks, agent(...list));
      expect(levelGap).toBeGreaterThanOrEqual(0);
      expect(measureFit(asks, better).levelGap).toBe(levelGap + asks.capabilities.length);
    });
  });

  test("still fits where less is asked", () => {
    holds((asks, list) => {
      for (const capability of asks.capabilities) {
        const fewer = { ...asks, capabilities: [capability], minLevel: 1, tags: {} };
        expect(findMisfit(fewer, agent(...list))).toBeUndefined();
      }
    });
  });

  test("no longer fits once it is excluded", () => {
    holds((asks, list) => {
      expect(findMisfit({ ...asks, excludedAgentIds: ["id-1"] }, agent(...list))).toBe("rejected");
    });
  });
});
