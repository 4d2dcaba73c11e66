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

  test("is that nobody has claimed it, where free agents do that by themselves", () => {
    const standing = { requirements, agents: 4, byReason: { busy: 1, capability: 1 } };
    expect(explainUnassigned({ ...standing, unclaimed: 2 })).toEqual({
      reason: "busy",
      message: "it waits to be claimed: agents that fit and are free claim their tasks (2), and none has asked yet",
    });
    expect(explainUnassigned({ ...standing, unclaimed: 1 }).message).toBe("an agent is free and will get it next");
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

test("says what has no room for it before it speaks of agents", () => {
  const standing = { requirements: toRequirements("work", undefined), agents: 0, byReason: {} };
  const figures = { cap: 100, spent: 70, reserved: 20 };
  expect(explainUnassigned({ ...standing, budget: { ...figures, scope: "agent", unit: "tokens" } })).toEqual({
    reason: "budget",
    message: "it does not fit the budget of the agent: 70 tokens spent and 20 reserved of 100",
  });
  const limit = { kind: "label", value: "nightly", maxInFlight: 3, inFlight: 4 } as const;
  expect(explainUnassigned({ ...standing, limit })).toEqual({
    reason: "limit",
    message: 'the limit of the label "nightly" is reached: 4 in flight of 3',
  });
  expect(explainUnassigned({ ...standing, limit: { ...limit, kind: "tenant", value: "" } }).message).toBe(
    "the limit of the tenant is reached: 4 in flight of 3",
  );
});
