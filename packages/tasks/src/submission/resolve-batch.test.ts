import { AppError, taskSubmissionSchema } from "@devmesh/models";
import { describe, expect, test } from "vitest";
import { taskIdOf } from "../../test/fakes.ts";
import { type Checked, resolveBatch } from "./resolve-batch.ts";

/** The nth task of a batch, by its ref and what it depends on; `!` before the ref: it was refused already. */
const batch = (...tasks: [ref: string | undefined, ...dependsOn: string[]][]): Checked[] =>
  tasks.map(([ref, ...dependsOn], index) =>
    ref?.startsWith("!")
      ? { error: new AppError("invalid_argument", "bad title") }
      : { id: taskIdOf(index), submission: taskSubmissionSchema.parse({ type: "work", ref, dependsOn }) },
  );

/** What each depends on, as numbers of the batch, or the message of its refusal. */
const resolved = (...tasks: Parameters<typeof batch>) =>
  resolveBatch(batch(...tasks)).map((one) =>
    "error" in one ? one.error.message : one.dependsOn.map((id) => Number(id.slice(-12))),
  );

describe("a batch", () => {
  test("has its refs turned into ids, forwards and backwards", () => {
    expect(resolved(["a", "ref:c"], ["b", "ref:a"], ["c"], [undefined, "ref:a", "ref:b"])).toEqual([
      [2],
      [0],
      [],
      [0, 1],
    ]);
  });

  test("keeps ids, folded, and names none twice", () => {
    const [one] = resolveBatch(batch([undefined, taskIdOf(7).toUpperCase(), taskIdOf(7), "ref:b"], ["b"]));
    expect(one).toMatchObject({ dependsOn: [taskIdOf(7), taskIdOf(1)] });
  });

  test("refuses a ref that no task bears", () => {
    expect(resolved(["a", "ref:x"], ["b"])).toEqual(['no task of the batch has the ref "x"', []]);
    expect(resolveBatch(batch(["a", "ref:x"]))).toMatchObject([
      { error: { code: "invalid_argument", details: [{ path: "dependsOn" }] } },
    ]);
  });

  test("refuses both of two tasks with one ref, and what depends on them", () => {
    const twice = 'ref "a" is used by two tasks of the batch';
    expect(resolved(["a"], ["a"], ["c", "ref:a"], ["d"])).toEqual([
      twice,
      twice,
      'the task with the ref "a" was refused',
      [],
    ]);
  });

  test("refuses a cycle, naming its path, and no other task", () => {
    expect(resolved(["a", "ref:a"], ["b"])).toEqual(["the dependencies form a cycle: a → a", []]);
    const [x, y, z] = resolved(["x", "ref:y"], ["y", "ref:z"], ["z", "ref:x"], ["w"]);
    expect([x, y, z]).toEqual(Array(3).fill("the dependencies form a cycle: x → y → z → x"));
  });

  test("refuses what depends on a cycle, and what a cycle depends on goes through", () => {
    expect(resolved(["base"], ["a", "ref:b", "ref:base"], ["b", "ref:a"], ["after", "ref:b"])).toEqual([
      [],
      "the dependencies form a cycle: a → b → a",
      "the dependencies form a cycle: a → b → a",
      'the task with the ref "b" was refused',
    ]);
  });

  test("takes a diamond for no cycle", () => {
    expect(resolved(["a"], ["b", "ref:a"], ["c", "ref:a"], ["d", "ref:b", "ref:c"])).toEqual([[], [0], [0], [1, 2]]);
  });

  test("spreads a refusal as far as dependencies reach, and leaves the others", () => {
    expect(resolved(["c", "ref:b"], ["b", "ref:a"], ["a", "ref:bad"], ["!bad"], ["d"])).toEqual([
      'the task with the ref "b" was refused',
      'the task with the ref "a" was refused',
      'no task of the batch has the ref "bad"',
      "bad title",
      [],
    ]);
  });

  test("of 500 tasks in a row, the last first, is resolved", () => {
    const chain = Array.from({ length: 500 }, (_, n): [string, ...string[]] =>
      n === 499 ? [`r${n}`] : [`r${n}`, `ref:r${n + 1}`],
    );
    expect(resolved(...chain)).toEqual(Array.from({ length: 500 }, (_, n) => (n === 499 ? [] : [n + 1])));
    const closed = [...chain.slice(0, 499), ["r499", "ref:r0"] as [string, ...string[]]];
    expect(
      resolved(...closed).every((message) => String(message).startsWith("the dependencies form a cycle: r0 → r1")),
    ).toBe(true);
  });
});
