import type { LedgerChange, LedgerEntry, LimitId } from "@devmesh/models";
import { describe, expect, test } from "vitest";
import { assignmentIdOf, assignmentOf, fakeTx, heldEntry, taskIdOf, tenantId } from "../../test/fakes.ts";
import { capChanges, settleCaps, usageOf } from "./settle-caps.ts";

const change = (before: LedgerEntry, after: LedgerEntry): LedgerChange => ({
  before,
  after,
  events: [],
  result: undefined,
  notices: [],
  excluded: undefined,
});
const held = (more: Parameters<typeof heldEntry>[2] = {}) => heldEntry("running", {}, { isCapped: true, ...more });
/** The same with its assignment changed. */
const changed = (
  entry: LedgerEntry,
  more: Partial<ReturnType<typeof assignmentOf>>,
  state = entry.state,
): LedgerEntry => ({
  ...entry,
  state,
  assignment: { ...assignmentOf(entry.assignment), ...more },
});
const completed = (entry: LedgerEntry, usage?: string) => changed(entry, { state: "completed", usage }, "completed");

describe("what changes for caps", () => {
  test("is nothing for what no limit counts and no budget holds back", () => {
    const free = heldEntry("running");
    expect(capChanges([change(free, completed(free))])).toEqual([]);
  });

  test("is nothing while the assignment goes on", () => {
    expect(capChanges([change(held(), changed(held(), { leaseUntil: new Date() }))])).toEqual([]);
  });

  test.each([
    [
      "ends with usage",
      held(),
      completed(held(), '{"inputTokens":3,"outputTokens":4,"costMicroUsd":5}'),
      [-1, true, 5, 7],
    ],
    ["ends without", held(), completed(held()), [-1, true, 0, 0]],
    ["yields its slot", held(), changed(held(), { slot: "yielded" }), [-1, false, 0, 0]],
    ["takes one again", held({ slot: "awaited" }), changed(held(), { slot: "held" }), [1, false, 0, 0]],
    [
      "ends without a slot",
      held({ slot: "yielded" }),
      changed(held(), { slot: "yielded", state: "cancelled" }),
      [0, true, 0, 0],
    ],
  ] as const)("where it %s", (_, before, after, [inFlight, ends, costMicroUsd, tokens]) => {
    expect(capChanges([change(before, after)])).toEqual([
      { tenantId, assignmentId: assignmentIdOf(1), inFlight, ends, costMicroUsd, tokens },
    ]);
  });

  test("stays countable whatever an agent says", () => {
    const usage = JSON.stringify({ inputTokens: Number.MAX_SAFE_INTEGER, outputTokens: Number.MAX_SAFE_INTEGER });
    expect(capChanges([change(held(), completed(held(), usage))])).toMatchObject([{ tokens: Number.MAX_SAFE_INTEGER }]);
  });
});

describe("usage", () => {
  test("is that of tries that end now and told it, capped or not", () => {
    const free = heldEntry("running");
    const ended = completed(free, '{"costMicroUsd":5,"model":"m"}');
    const failed = changed(free, { state: "failed", usage: '{"inputTokens":1}' }, "scheduled");
    expect(
      usageOf([change(free, ended), change(free, failed), change(free, completed(free)), change(ended, ended)]),
    ).toEqual([
      expect.objectContaining({ taskId: taskIdOf(1), model: "m", endsTask: true, costMicroUsd: 5, inputTokens: 0 }),
      expect.objectContaining({ model: "", endsTask: false, inputTokens: 1 }),
    ]);
  });

  test("names a model that Postgres can keep", () => {
    const odd = completed(heldEntry("running"), JSON.stringify({ model: "a\u0000b\ud800" }));
    expect(usageOf([change(heldEntry("running"), odd)])).toMatchObject([{ model: "a\ufffdb\ufffd" }]);
  });
});

test("a write sends caps before the changes and usage after them, and tells what was let go", async () => {
  const calls: string[] = [];
  const limitId = "l" as LimitId;
  const { tx, freed } = settleCaps(
    fakeTx({
      changeCaps: async () => {
        calls.push("caps");
        return { limits: [{ tenantId, limitId }], budgets: [] };
      },
      write: async () => {
        calls.push("write");
        return { waiting: [], claiming: [] };
      },
      addUsage: async () => void calls.push("usage"),
    }),
  );
  await tx.write([change(held(), completed(held(), "{}"))]);
  await tx.write([change(held(), completed(held()))]);
  await tx.write([change(heldEntry("running"), completed(heldEntry("running")))]);
  expect(calls).toEqual(["caps", "write", "usage", "caps", "write", "write"]);
  expect(freed()).toEqual({ limits: [{ tenantId, limitId }], budgets: [] });
});
