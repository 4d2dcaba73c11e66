import { toRequirements, type UnassignedReason, unassignedReasons } from "@devmesh/models";
import { describe, expect, test } from "vitest";
import { explainUnassigned } from "./explain.ts";

const requirements = toRequirements("work", {
  capabilities: ["code.review", "test"],
  minLevel: 3,
  tags: { language: "ts" },
  agent: "reviewer-1",
});
const explain = (
  byReason: Partial<Record<UnassignedReason, number>>,
  agents = Object.values(byReason).reduce((sum, count) => sum + count, 0),
) => explainUnassigned({ requirements, agents, byReason });

describe("why a task has no agent", () => {
  test.each<[UnassignedReason, string]>([
    ["agent", "no agent is named reviewer-1"],
    ["capability", "none of the 2 agents has the capability code.review, test"],
    ["level", "no agent has code.review, test at level 3 or above; 2 are below it"],
    ["tags", 'no agent has code.review, test with the tags {"language":"ts"}'],
    ["rejected", "each of the 2 fitting agents rejected it or let it lie"],
    ["paused", "each of the 2 fitting agents is paused or revoked"],
    ["disconnected", "each of the 2 fitting agents is disconnected"],
    ["unreachable", "each of the 2 fitting agents is unreachable"],
    ["busy", "each of the 2 fitting agents is busy"],
  ])("%s names what is missing", (reason, message) => {
    expect(explain({ [reason]: 2 })).toEqual({ reason, message });
  });

  test("is that there is no agent at all", () => {
    expect(explain({}, 0)).toEqual({ reason: "no_agent", message: "no agent is registered" });
  });

  test("is that it comes next, where an agent is left that nothing keeps from it", () => {
    const next = { reason: "busy", message: "an agent is free and will get it next" };
    expect(explain({}, 1)).toEqual(next);
    expect(explain({ capability: 3, busy: 1 }, 5)).toEqual(next);
    expect(explain({ capability: 4, busy: 1 }, 5)).not.toEqual(next);
  });

  test("is the nearest miss of many", () => {
    expect(explain({ capability: 3, level: 1, busy: 1 }).reason).toBe("busy");
    expect(explain({ capability: 3, level: 1, agent: 1 }).reason).toBe("level");
    expect(explain({ disconnected: 1, tags: 4 }).reason).toBe("disconnected");
    expect(explain({ busy: 0, capability: 5 }).reason).toBe("capability");
  });

  test("is always one of the contract's reasons", () => {
    for (const reason of unassignedReasons) expect(unassignedReasons).toContain(explain({ [reason]: 1 }).reason);
    expect(unassignedReasons).toContain(explain({}).reason);
  });
});
