import fc from "fast-check";
import { expect, test } from "vitest";
import { type Candidate, diversify } from "./diversify.ts";

const at = (id: string, score: number, ...values: readonly number[]): Candidate<string> => ({
  id,
  score,
  vector: values.length === 0 ? undefined : Float32Array.from(values),
});

const candidates = fc.uniqueArray(
  fc.record({
    id: fc.string({ minLength: 1, maxLength: 4 }),
    score: fc.double({ min: 0, max: 1, noNaN: true }),
    vector: fc.option(
      fc
        .array(fc.float({ min: -1, max: 1, noNaN: true }), { minLength: 4, maxLength: 4 })
        .map((values) => Float32Array.from(values)),
      { nil: undefined },
    ),
  }),
  { selector: ({ id }) => id, maxLength: 20 },
);
const diversities = fc.double({ min: 0, max: 1, noNaN: true });

const twins = [at("a", 1, 1, 0), at("a-copy", 0.99, 1, 0), at("b", 0.6, 0, 1)];

test("without diversity the order is that of the scores", () => {
  expect(diversify(twins, { limit: 2, diversity: 0 })).toEqual(["a", "a-copy"]);
});

test("with it a copy of what was picked gives way to something else", () => {
  expect(diversify(twins, { limit: 2, diversity: 0.5 })).toEqual(["a", "b"]);
  expect(diversify(twins, { limit: 3, diversity: 1 })).toEqual(["a", "b", "a-copy"]);
});

test("what has no vector yet is taken for something between a copy and a stranger", () => {
  const pending = [at("a", 1, 1, 0), at("copy", 0.9, 2, 0), at("pending", 0.9), at("other", 0.9, 0, 3)];
  expect(diversify(pending, { limit: 4, diversity: 0.5 })).toEqual(["a", "other", "pending", "copy"]);
});

test("picks as many as asked for, each once, the best first, whatever the order they came in", () => {
  const shuffled = candidates.chain((all) =>
    fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length })),
  );
  fc.assert(
    fc.property(shuffled, fc.nat(25), diversities, ([all, other], limit, diversity) => {
      const picked = diversify(all, { limit, diversity });
      expect(picked).toHaveLength(Math.min(limit, all.length));
      expect(new Set(picked).size).toBe(picked.length);
      expect(diversify(other, { limit, diversity })).toEqual(picked);
      const highest = Math.max(...all.map(({ score }) => score));
      if (picked.length > 0) expect(all.find(({ id }) => id === picked[0])?.score).toBe(highest);
      if (diversity === 0) {
        const scores = picked.map((id) => all.find((one) => one.id === id)?.score ?? 0);
        expect(scores).toEqual(scores.toSorted((a, b) => b - a));
      }
    }),
  );
});

test("a longer answer begins with the shorter one", () => {
  fc.assert(
    fc.property(candidates, fc.nat(10), diversities, (all, limit, diversity) => {
      const longer = diversify(all, { limit: limit + 5, diversity });
      expect(longer.slice(0, limit)).toEqual(diversify(all, { limit, diversity }));
    }),
  );
});
