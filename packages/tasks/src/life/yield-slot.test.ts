import { awaitsSlot, holdsSlot, keepsRoom, type LedgerAssignment, type LedgerEntry } from "@devmesh/models";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { heldEntry, later, now } from "../../test/fakes.ts";
import { decideMeshWord } from "./decide-mesh-word.ts";
import { awaitSlot, parkedCheckMs, takeSlotAgain, yieldSlot } from "./yield-slot.ts";

const at = (ms: number) => new Date(now.getTime() + ms);
const running = heldEntry("running");

function assignmentIn(entry: LedgerEntry): LedgerAssignment {
  if (entry.assignment === undefined) throw new Error("no assignment");
  return entry.assignment;
}

describe("a slot that is given up", () => {
  test("stops lease and clock, and is looked at soon", () => {
    expect(assignmentIn(yieldSlot(running, at(10_000)))).toMatchObject({
      state: "running",
      slot: "yielded",
      attemptLeftMs: 590_000,
      attemptUntil: undefined,
      checkAt: at(10_000 + parkedCheckMs),
    });
  });

  test("is awaited, and taken again with a lease in full and the rest of the attempt", () => {
    const awaiting = awaitSlot(yieldSlot(running, at(10_000)), at(3_600_000));
    expect(assignmentIn(awaiting)).toMatchObject({ slot: "awaited", attemptLeftMs: 590_000 });
    expect(assignmentIn(takeSlotAgain(awaiting, at(7_200_000)))).toMatchObject({
      slot: "held",
      attemptLeftMs: undefined,
      leaseUntil: at(7_200_000 + 30_000),
      attemptUntil: at(7_200_000 + 590_000),
      checkAt: at(7_200_000 + 30_000),
    });
  });

  test("leaves the clock to a question that is asked meanwhile", () => {
    const yielded = yieldSlot(running, now);
    const asking = {
      ...yielded,
      state: "waiting",
      assignment: { ...assignmentIn(yielded), state: "waiting" },
    } as const;
    const waiting = { ...asking, assignment: { ...asking.assignment, askedAt: now, checkAt: later(9_000) } };
    expect(assignmentIn(takeSlotAgain(waiting, at(5_000)))).toEqual({ ...waiting.assignment, slot: "held" });
  });

  test.each(["yielded", "awaited"] as const)("%s outlives every lease and time-out", (slot) => {
    const parked = slot === "yielded" ? yieldSlot(running, now) : awaitSlot(yieldSlot(running, now), now);
    const year = at(365 * 86_400_000);
    const { after, events } = decideMeshWord(parked, { kind: "check" }, { now: year, random: 0 });
    expect(events).toEqual([]);
    expect(assignmentIn(after)).toEqual({ ...assignmentIn(parked), checkAt: new Date(year.getTime() + parkedCheckMs) });
  });

  test("steps that don't apply change nothing", () => {
    expect(takeSlotAgain(running, now)).toBe(running);
    expect(awaitSlot(running, now)).toBe(running);
    const yielded = yieldSlot(running, now);
    expect(yieldSlot(yielded, at(1))).toBe(yielded);
  });
});

test("however it is yielded, awaited and taken, no time of the attempt is lost or won", () => {
  const steps = fc.array(
    fc.record({ step: fc.constantFrom("yield", "await", "take"), afterMs: fc.nat({ max: 50_000 }) }),
    { maxLength: 12 },
  );
  fc.assert(
    fc.property(steps, (taken) => {
      let entry: LedgerEntry = running;
      let timeMs = 0;
      let usedMs = 0;
      for (const { step, afterMs } of taken) {
        if (assignmentIn(entry).attemptLeftMs === undefined) usedMs += afterMs;
        timeMs += afterMs;
        const move = { yield: yieldSlot, await: awaitSlot, take: takeSlotAgain }[step];
        entry = move(entry, at(timeMs));
        const assignment = assignmentIn(entry);
        // each counts in one place at most
        expect([holdsSlot(assignment), awaitsSlot(assignment), !keepsRoom(assignment)].filter(Boolean)).toHaveLength(1);
        expect(assignment.attemptLeftMs === undefined).toBe(holdsSlot(assignment));
      }
      const { attemptLeftMs, attemptUntil } = assignmentIn(entry);
      const leftMs = attemptLeftMs ?? (attemptUntil?.getTime() ?? 0) - at(timeMs).getTime();
      expect(leftMs).toBe(Math.max(0, 600_000 - usedMs));
    }),
  );
});
