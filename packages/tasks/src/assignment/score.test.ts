import type { AssignmentStrategy, Candidate } from "@devmesh/models";
import { assignmentStrategies } from "@devmesh/models";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { agentIdOf, laneIdOf, later, tenantId } from "../../test/fakes.ts";
import { compareCandidates, score } from "./score.ts";

const candidate = (number: number, more: Partial<Candidate> = {}): Candidate => ({
  tenantId,
  laneId: laneIdOf(1),
  agentId: agentIdOf(number),
  agentName: `agent-${number}`,
  levelGap: 0,
  costMicroUsd: undefined,
  inFlight: 0,
  maxConcurrency: 4,
  lastAssignedAt: undefined,
  ...more,
});

/** The numbers of the agents, best first. */
const ranked = (strategy: AssignmentStrategy, ...candidates: Candidate[]) =>
  candidates.sort(compareCandidates(strategy)).map(({ agentName }) => Number(agentName.slice(6)));

describe("score", () => {
  test.each<[AssignmentStrategy, Partial<Candidate>, number]>([
    ["capability_match", { levelGap: 0 }, 1],
    ["capability_match", { levelGap: 3 }, 1 / 4],
    ["least_loaded", { inFlight: 0 }, 1],
    ["least_loaded", { inFlight: 3 }, 1 / 4],
    ["cost_optimized", { costMicroUsd: 0 }, 1],
    ["cost_optimized", { costMicroUsd: 9 }, 1 / 10],
    ["cost_optimized", {}, 0],
    ["round_robin", {}, 1],
  ])("%s of %j is %f", (strategy, more, points) => expect(score(strategy, candidate(1, more))).toBe(points));
});

describe("the best candidate", () => {
  test("by capability_match is the least over-qualified", () => {
    expect(ranked("capability_match", candidate(1, { levelGap: 2 }), candidate(2, { levelGap: 1 }))).toEqual([2, 1]);
  });

  test("by least_loaded has the greatest part of its slots free", () => {
    const half = candidate(1, { inFlight: 1, maxConcurrency: 2 });
    const third = candidate(2, { inFlight: 300, maxConcurrency: 900 });
    expect(ranked("least_loaded", half, third)).toEqual([2, 1]);
  });

  test("by cost_optimized is the cheapest, and one without a price is last", () => {
    const dearest = candidate(1, { costMicroUsd: 20_000_000_000_000 });
    const dear = candidate(2, { costMicroUsd: 19_999_999_999_999 });
    expect(ranked("cost_optimized", candidate(3), dearest, dear, candidate(4, { costMicroUsd: 0 }))).toEqual([
      4, 2, 1, 3,
    ]);
  });

  test("by round_robin is the one that waits longest, those never assigned first", () => {
    const recent = candidate(1, { lastAssignedAt: later(1) });
    expect(ranked("round_robin", recent, candidate(2, { lastAssignedAt: later(0) }), candidate(3))).toEqual([3, 2, 1]);
  });

  // ties: lower load, then the least recent assignment, then id
  for (const strategy of assignmentStrategies) {
    test(`by ${strategy} is, among equals, the less loaded, then the least recently assigned, then the first by id`, () => {
      const at = { lastAssignedAt: later(0) };
      const equals = [candidate(4, at), candidate(3, at)];
      expect(ranked(strategy, ...equals)).toEqual([3, 4]);
      if (strategy === "round_robin") return;
      const loaded = candidate(1, { inFlight: 1 });
      expect(ranked("capability_match", loaded, ...equals)).toEqual([3, 4, 1]);
      const unused = candidate(9);
      expect(ranked(strategy, ...equals, unused)).toEqual([9, 3, 4]);
      expect(ranked("cost_optimized", loaded, unused)).toEqual([9, 1]);
    });
  }

  test("is the same in whatever order they come", () => {
    const some = fc.uniqueArray(
      fc.record({ number: fc.nat(9), levelGap: fc.nat(2), inFlight: fc.nat(2), ms: fc.option(fc.nat(2)) }),
      { selector: ({ number }) => number },
    );
    fc.assert(
      fc.property(fc.constantFrom(...assignmentStrategies), some, (strategy, list) => {
        const all = list.map(({ number, ms, ...more }) =>
          candidate(number, {
            ...more,
            costMicroUsd: ms ?? undefined,
            lastAssignedAt: ms === null ? undefined : later(ms),
          }),
        );
        const order = ranked(strategy, ...all);
        expect(ranked(strategy, ...[...all].reverse())).toEqual(order);
      }),
    );
  });
});
