import { describe, expect, it } from "vitest";
import { readBearer } from "./bearer.ts";

describe("readBearer", () => {
  it.each([
    [{ authorization: "Bearer abc" }, "abc"],
    [{ authorization: "bearer  abc " }, "abc"],
    [{ "x-api-key": "abc" }, "abc"],
    [{ authorization: "Bearer abc", "x-api-key": "def" }, "abc"],
    [{ authorization: "Basic dXNlcjpwYXNz", "x-api-key": "def" }, "def"],
    [{ authorization: "Basic dXNlcjpwYXNz" }, undefined],
    [{ authorization: "Bearer" }, undefined],
    [{ authorization: "Bearer " }, undefined],
    [{ authorization: "Bearerabc" }, undefined],
    [{ "x-api-key": "  " }, undefined],
    [{}, undefined],
  ])("reads %j as %j", (headers, expected) => {
    expect(readBearer(headers)).toBe(expected);
    expect(readBearer(new Headers(Object.entries(headers)))).toBe(expected);
  });

  it("takes a repeated header for none", () => {
    expect(readBearer({ "x-api-key": ["a", "b"] })).toBeUndefined();
  });
});
