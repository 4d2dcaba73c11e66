import { expect, test } from "vitest";
import { parseTraceparent } from "./traceparent.ts";

const good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

test("is taken where it is well-formed", () => {
  expect(parseTraceparent(good)).toBe(good);
});

test.each([
  undefined,
  "",
  "00",
  `${good}-x`,
  `${good}\n`,
  `${good}\u0000`,
  good.toUpperCase(),
  good.replace(/[1-9a-f]/g, "0"),
])("counts as absent where it is not: %j", (bad) => {
  expect(parseTraceparent(bad)).toBeUndefined();
});
