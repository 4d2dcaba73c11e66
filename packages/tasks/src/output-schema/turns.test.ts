import { expect, test } from "vitest";
import { createTurns } from "./turns.ts";

test("owners take turns, and what one adds keeps its order", () => {
  const turns = createTurns<string>();
  for (const item of ["a1", "a2", "a3"]) turns.add("a", item);
  turns.add("b", "b1");
  expect([turns.size, turns.sizeOf("a"), turns.sizeOf("c")]).toEqual([4, 3, 0]);
  expect([turns.next(), turns.next(), turns.next()]).toEqual(["a1", "b1", "a2"]);
  turns.add("b", "b2");
  expect(turns.clear()).toEqual(["a3", "b2"]);
  expect([turns.size, turns.next()]).toEqual([0, undefined]);
});
