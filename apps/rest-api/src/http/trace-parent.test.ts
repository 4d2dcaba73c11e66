import { describe, expect, test } from "vitest";
import { readTraceparent } from "./trace-parent.ts";

const good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

describe("traceparent", () => {
  test("is taken where it is well-formed, and counts as absent where it is not", () => {
    expect(readTraceparent(new Headers({ traceparent: good }))).toBe(good);
    for (const bad of ["", "00", `${good}-x`, good.toUpperCase(), good.replace(/[1-9a-f]/g, "0")]) {
      expect(readTraceparent(new Headers({ traceparent: bad }))).toBeUndefined();
    }
  });
});
