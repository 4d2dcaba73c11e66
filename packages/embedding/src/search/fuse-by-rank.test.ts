import fc from "fast-check";
import { expect, test } from "vitest";
import { fuseByRank } from "./fuse-by-rank.ts";

const ids = fc.uniqueArray(fc.constantFrom(..."abcdefghijklmnop"), { maxLength: 12 });
const lists = fc.array(fc.record({ weight: fc.double({ min: 0.1, max: 5, noNaN: true }), ids }), {
  minLength: 1,
  maxLength: 5,
});

test("what both methods put first has 1, and what one of them found has less than what both did", () => {
  const fused = fuseByRank([
    { weight: 1, ids: ["a", "b", "c"] },
    { weight: 1, ids: ["a", "c", "d"] },
  ]);
  expect(fused.map(({ id }) => id)).toEqual(["a", "c", "b", "d"]);
  expect(fused[0]?.score).toBe(1);
  expect(fused[1]?.score).toBeCloseTo((1 / 63 + 1 / 62) / (2 / 61), 12);
});

test("a heavier list wins; equal scores go by the best rank, then by id", () => {
  const heavier = fuseByRank([
    { weight: 1, ids: ["a"] },
    { weight: 2, ids: ["b"] },
  ]);
  expect(heavier.map(({ id }) => id)).toEqual(["b", "a"]);
  const tied = fuseByRank([
    { weight: 1, ids: ["z", "b"] },
    { weight: 1, ids: ["a", "y"] },
  ]);
  expect(tied.map(({ id }) => id)).toEqual(["a", "z", "b", "y"]);
});

test("nothing found is nothing fused, and a repeated id counts where it stands first", () => {
  expect(fuseByRank([{ weight: 1, ids: [] }])).toEqual([]);
  const repeated = fuseByRank([{ weight: 1, ids: ["a", "a", "b"] }]);
  expect(repeated).toEqual(fuseByRank([{ weight: 1, ids: ["a", "b"] }]));
});

test("the order of the lists changes nothing", () => {
  fc.assert(
    fc.property(
      lists.chain((all) => fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length }))),
      ([all, shuffled]) => {
        expect(fuseByRank(shuffled)).toEqual(fuseByRank(all));
      },
    ),
  );
});

test("each id comes once, best first, with a score above 0 and at most 1", () => {
  fc.assert(
    fc.property(lists, (all) => {
      const fused = fuseByRank(all);
      expect(new Set(fused.map(({ id }) => id))).toEqual(new Set(all.flatMap((list) => list.ids)));
      expect(new Set(fused.map(({ id }) => id)).size).toBe(fused.length);
      for (const [i, { score }] of fused.entries()) {
        expect(score).toBeGreaterThan(0);
        expect(score).toBeLessThanOrEqual(i === 0 ? 1 : (fused[i - 1]?.score ?? 0));
      }
    }),
  );
});

test("an id that every list puts higher is put higher", () => {
  fc.assert(
    fc.property(fc.array(ids, { minLength: 1, maxLength: 4 }), (orders) => {
      const all = orders.map((order) => ({ weight: 1, ids: ["first", ...order, "last"] }));
      const fused = fuseByRank(all).map(({ id }) => id);
      expect(fused[0]).toBe("first");
      expect(fused.indexOf("last")).toBeGreaterThan(fused.indexOf("first"));
    }),
  );
});
