import type { AgentId, ChildResult, LedgerChange, LedgerEntry, TaskId } from "@devmesh/models";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { agentIdOf, assignmentIdOf, fakeStore, heldEntry, now, taskIdOf, tenantId } from "../../test/fakes.ts";
import type { LedgerTx } from "../store.ts";
import { planResume, resumeParents } from "./resume-parents.ts";
import { awaitSlot, yieldSlot } from "./yield-slot.ts";

type Parked = Parameters<typeof planResume>[0][number];

/** Task and assignment of one number, of an agent. */
function parked(number: number, agent: number, slot: "yielded" | "awaited" = "yielded"): Parked {
  const ids = { id: assignmentIdOf(number), agentId: agentIdOf(agent) };
  const yielded = yieldSlot(heldEntry("running", { taskId: taskIdOf(number) }, ids), now);
  return (slot === "yielded" ? yielded : awaitSlot(yielded, now)) as Parked;
}

const numbers = (entries: readonly LedgerEntry[]) => entries.map(({ taskId }) => Number(taskId.slice(-4)));

describe("who goes on", () => {
  test("those without an open child, the oldest first, as far as there are slots", () => {
    const all = [parked(3, 1), parked(1, 1), parked(2, 1, "awaited"), parked(4, 2), parked(5, 2)];
    const plan = planResume(all, {
      open: new Set([taskIdOf(4)]),
      free: new Map([
        [agentIdOf(1), 2],
        [agentIdOf(2), 0],
      ]),
    });
    expect(numbers(plan.resuming)).toEqual([1, 2]);
    expect(numbers(plan.awaiting)).toEqual([3, 5]);
  });

  test("one that awaits goes on whatever became of its children since", () => {
    const plan = planResume([parked(1, 1, "awaited")], {
      open: new Set([taskIdOf(1)]),
      free: new Map([[agentIdOf(1), 1]]),
    });
    expect(numbers(plan.resuming)).toEqual([1]);
  });

  test("never more than there are slots, and nobody twice", () => {
    const one = fc.record({ agent: fc.nat({ max: 2 }), awaits: fc.boolean(), open: fc.boolean() });
    fc.assert(
      fc.property(
        fc.array(one, { maxLength: 12 }),
        fc.array(fc.integer({ min: -1, max: 4 }), { minLength: 3, maxLength: 3 }),
        (asked, slots) => {
          const all = asked.map(({ agent, awaits }, index) =>
            parked(index + 1, agent + 1, awaits ? "awaited" : "yielded"),
          );
          const open = new Set(all.filter((_, index) => asked[index]?.open).map(({ taskId }) => taskId));
          const free = new Map(slots.map((count, agent) => [agentIdOf(agent + 1), count]));
          const { resuming, awaiting } = planResume(all, { open, free });
          for (const [agentId, count] of free) {
            const ready = all.filter(
              (two) =>
                two.assignment.agentId === agentId && (two.assignment.slot === "awaited" || !open.has(two.taskId)),
            );
            const taken = resuming.filter(({ assignment }) => assignment.agentId === agentId);
            // no slot is left while somebody could take it
            expect(taken).toHaveLength(Math.min(Math.max(count, 0), ready.length));
          }
          const both = [...resuming, ...awaiting];
          expect(new Set(both).size).toBe(both.length);
          expect(awaiting.every(({ assignment }) => assignment.slot === "yielded")).toBe(true);
        },
      ),
    );
  });
});

describe("a parent that goes on", () => {
  function open(entries: readonly LedgerEntry[], more: Partial<LedgerTx> = {}) {
    const written: LedgerChange[] = [];
    const store = fakeStore({
      findResumable: async () => entries.map(({ taskId }) => ({ tenantId, taskId })),
      lockByTask: async () => entries,
      findOpenParents: async () => new Set<TaskId>(),
      lockFreeSlots: async () => new Map<AgentId, number>([[agentIdOf(1), 1]]),
      findChildren: async () => new Map([[taskIdOf(1), children]]),
      write: async (changes) => {
        written.push(...changes);
        return { waiting: [], claiming: [] };
      },
      ...more,
    });
    const run = () => resumeParents(store, { parents: [{ tenantId, taskId: taskIdOf(1) }], agents: [] }, () => "m1");
    return { run, written };
  }
  const child = { ref: undefined, output: undefined, error: undefined };
  const children: readonly ChildResult[] = [
    {
      taskId: taskIdOf(8),
      ...child,
      ref: "r",
      type: "work",
      state: "completed",
      output: '{"b":1,"a":9007199254740993}',
    },
    { taskId: taskIdOf(9), ...child, type: "work", state: "failed", error: '{"class":"permanent","message":"no"}' },
  ];

  test("is told of its children as they ended, outputs as they were written", async () => {
    const { run, written } = open([parked(1, 1)]);
    await run();
    expect(written).toMatchObject([
      { after: { assignment: { slot: "held" } }, events: [], notices: [{ kind: "message" }] },
    ]);
    const [notice] = written[0]?.notices ?? [];
    expect(notice).toMatchObject({ agentId: agentIdOf(1), messageId: "m1", messageKind: "task.children", sentAt: now });
    expect(notice).toHaveProperty(
      "content",
      `{"taskId":"${taskIdOf(1)}","assignmentId":"${assignmentIdOf(1)}","children":[` +
        `{"taskId":"${taskIdOf(8)}","ref":"r","type":"work","state":"completed","output":{"b":1,"a":9007199254740993}},` +
        `{"taskId":"${taskIdOf(9)}","type":"work","state":"failed","error":{"class":"permanent","message":"no"}}]}`,
    );
  });

  test("that ended meanwhile is left alone", async () => {
    const { run, written } = open([heldEntry("running")]);
    expect(await run()).toEqual([]);
    expect(written).toEqual([]);
  });

  test("awaits a slot in silence where none is free", async () => {
    const { run, written } = open([parked(1, 1)], { lockFreeSlots: async () => new Map([[agentIdOf(1), 0]]) });
    await run();
    expect(written).toMatchObject([{ after: { assignment: { slot: "awaited" } }, notices: [] }]);
  });
});
