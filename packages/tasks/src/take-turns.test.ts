import fc from "fast-check";
import { expect, test } from "vitest";
import { takeTurns } from "./take-turns.ts";

test("takes one of each owner after the other, in the order of their first", () => {
  expect(takeTurns(["b1", "b2", "b3", "a1", "c1", "c2"], (item) => item.slice(0, 1))).toEqual([
    "b1",
    "a1",
    "c1",
    "b2",
    "c2",
    "b3",
  ]);
});

test("loses nothing, keeps each owner's order, and lets nobody come later than after one of each for each of its own", () => {
  fc.assert(
    fc.property(fc.array(fc.record({ owner: fc.constantFrom("a", "b", "c", "d"), n: fc.nat() })), (items) => {
      const turns = takeTurns(items, ({ owner }) => owner);
      expect(turns).toHaveLength(items.length);
      const owners = new Set(items.map(({ owner }) => owner));
      for (const owner of owners) {
        const own = (all: typeof turns) => all.filter((one) => one.owner === owner);
        expect(own(turns)).toEqual(own(items));
        own(turns).forEach((item, place) => {
          expect(turns.indexOf(item)).toBeLessThan((place + 1) * owners.size);
        });
      }
    }),
  );
});
