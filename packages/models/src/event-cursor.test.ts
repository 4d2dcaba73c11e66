import { expect, it } from "vitest";
import { compareCursors } from "./event-cursor.ts";

it("orders by transaction, then by the order of writing", () => {
  const cursors = [
    { xid: 10, recorded: 1 },
    { xid: 9, recorded: 100 },
    { xid: 9, recorded: 20 },
    { xid: 10, recorded: 0 },
  ];
  expect(cursors.toSorted(compareCursors)).toEqual([cursors[2], cursors[1], cursors[3], cursors[0]]);
  expect(compareCursors({ xid: 9, recorded: 20 }, { xid: 9, recorded: 20 })).toBe(0);
});
