import { describe, expect, test } from "vitest";
import { AppError, assert, errorCodes, toAppError, toErrorBody } from "./errors.ts";

describe("toErrorBody", () => {
  test("shows what the caller may see, and leaves out what is absent", () => {
    const error = new AppError("conflict", "lost a race", {
      reason: "stale_assignment",
      details: [1],
      retryAfterMs: 0,
      cause: new Error("secret"),
    });
    expect(toErrorBody(error)).toEqual({
      code: "conflict",
      reason: "stale_assignment",
      message: "lost a race",
      details: [1],
      retryAfterMs: 0,
    });
    expect(Object.keys(toErrorBody(new AppError("not_found", "no task")))).toEqual(["code", "message"]);
  });

  test("shows nothing of an internal error", () => {
    const error = new AppError("internal", "password is hunter2", { reason: "r", details: ["d"], retryAfterMs: 1 });
    expect(toErrorBody(error)).toEqual({ code: "internal", message: "internal error" });
  });

  test("shows every other code with its message", () => {
    for (const code of errorCodes.filter((one) => one !== "internal")) {
      expect(toErrorBody(new AppError(code, "why"))).toEqual({ code, message: "why" });
    }
  });
});

describe("toAppError", () => {
  test("gives an AppError back as it is", () => {
    const error = new AppError("unavailable", "away");
    expect(toAppError(error)).toBe(error);
  });

  test.each([new TypeError("x is not a function"), "text", undefined, null, { code: "not_found" }])(
    "makes %s internal, and keeps it for the log",
    (caught) => {
      const error = toAppError(caught);
      expect(error).toMatchObject({ code: "internal", message: "internal error" });
      expect(error.cause).toBe(caught ?? error.cause);
    },
  );
});

test("assert throws a plain error, which is internal at the edge", () => {
  expect(() => assert(1, "fine")).not.toThrow();
  expect(() => assert(0, "0 is nothing")).toThrow("assertion failed: 0 is nothing");
  try {
    assert(false, "x");
  } catch (caught) {
    expect(toAppError(caught).code).toBe("internal");
  }
});
