import { AppError, type ErrorCode, errorCodes } from "@devmesh/models";
import { describe, expect, it } from "vitest";
import { levelOf, settleError, settleOutcome } from "./message-outcome.ts";

const message = (receiveCount: number) => ({ id: "m", body: "", receiptHandle: "r", receiveCount });

describe("settleError", () => {
  it.each<[ErrorCode, string, string]>([
    ["invalid_argument", "deadLetter", "info"],
    ["unauthenticated", "deadLetter", "info"],
    ["permission_denied", "deadLetter", "info"],
    ["not_found", "deadLetter", "info"],
    ["conflict", "delete", "info"],
    ["failed_precondition", "delete", "info"],
    ["resource_exhausted", "retry", "warn"],
    ["cancelled", "retry", "debug"],
    ["deadline_exceeded", "retry", "warn"],
    ["unavailable", "retry", "warn"],
    ["protocol_violation", "deadLetter", "warn"],
    ["internal", "retry", "error"],
  ])("%s: %s, logged as %s", (code, kind, level) => {
    expect(settleError(new AppError(code, "x"), message(1)).kind).toBe(kind);
    expect(levelOf(new AppError(code, "x"))).toBe(level);
    expect(errorCodes).toContain(code);
  });

  it("waits longer with each receive, to 5 min, or as the error says", () => {
    const error = new AppError("unavailable", "x");
    expect([1, 2, 5, 50].map((count) => settleError(error, message(count)))).toEqual(
      [1_000, 2_000, 16_000, 300_000].map((afterMs) => ({ kind: "retry", afterMs })),
    );
    expect(settleError(new AppError("resource_exhausted", "x", { retryAfterMs: 7 }), message(3))).toEqual({
      kind: "retry",
      afterMs: 7,
    });
  });

  it("retries what is no AppError and gives dead letters their reason", () => {
    expect(settleError(new TypeError("bug"), message(1)).kind).toBe("retry");
    expect(settleError(new AppError("not_found", "no task"), message(1))).toEqual({
      kind: "deadLetter",
      reason: "not_found: no task",
    });
  });
});

describe("settleOutcome", () => {
  it("follows the handler", () => {
    expect(settleOutcome("done")).toEqual({ kind: "delete" });
    expect(settleOutcome("deadLetter").kind).toBe("deadLetter");
    expect(settleOutcome({ retryAfterMs: 5 })).toEqual({ kind: "retry", afterMs: 5 });
  });
});
