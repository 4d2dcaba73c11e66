import { AppError, errorCodes } from "@devmesh/models";
import { describe, expect, it } from "vitest";
import { errorResponse, httpStatusOf, requestIdOf } from "./http-error.ts";

describe("errorResponse", () => {
  it("has a status for every code", () => {
    expect(errorCodes.map((code) => httpStatusOf(new AppError(code, "x")))).toEqual([
      400, 401, 403, 404, 409, 409, 429, 499, 504, 503, 400, 500,
    ]);
    expect(httpStatusOf(new AppError("resource_exhausted", "x", { reason: "payload_too_large" }))).toBe(413);
  });

  it("says when to come back, in whole seconds", () => {
    const answer = errorResponse(new AppError("resource_exhausted", "too fast", { retryAfterMs: 1_200 }), "r");
    expect(answer.headers.get("retry-after")).toBe("2");
  });

  it("shows nothing of a bug", async () => {
    const answer = errorResponse(new AppError("internal", "secret detail", { cause: new Error("x"), details: 1 }), "r");
    expect(await answer.json()).toEqual({ error: { code: "internal", message: "internal error", requestId: "r" } });
  });
});

describe("requestIdOf", () => {
  it.each(["", "a b", "x".repeat(129), "a\nb", "ü", null, undefined])("replaces %j", (given) => {
    expect(requestIdOf(given)).toMatch(/^[0-9a-f-]{36}$/);
  });

  it("keeps a proper one", () => {
    expect(requestIdOf("trace-1")).toBe("trace-1");
  });
});
