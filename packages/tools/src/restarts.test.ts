import { AppError, type ToolServerId } from "@devmesh/models";
import { describe, expect, it } from "vitest";
import { createRestarts } from "./restarts.ts";

const id = "a" as ToolServerId;
const away = new AppError("unavailable", "no such host", { reason: "tool_unreachable" });

function setUp() {
  let now = 0;
  const restarts = createRestarts(() => now);
  /** How long it must rest yet, by the error that says so. */
  const restMs = (version = 1): number => {
    try {
      restarts.assertMayStart(id, version);
      return 0;
    } catch (error) {
      return error instanceof AppError ? (error.retryAfterMs ?? -1) : -1;
    }
  };
  const pass = (ms: number): void => {
    now += ms;
  };
  return { restarts, restMs, pass };
}

describe("restarts", () => {
  it("come at once after the first end, and later and later after each further one", () => {
    const { restarts, restMs, pass } = setUp();
    const rests = Array.from({ length: 10 }, () => {
      restarts.noteFailure(id, 1, away);
      const rest = restMs();
      pass(rest);
      expect(restMs()).toBe(0);
      return rest;
    });
    expect(rests).toEqual([0, 250, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
  });

  it("are refused with what went wrong", () => {
    const { restarts } = setUp();
    restarts.noteFailure(id, 1, away);
    restarts.noteFailure(id, 1, away);
    expect(() => restarts.assertMayStart(id, 1)).toThrow("no such host");
  });

  it("count what ends soon after its start, and forget it for what lived", () => {
    const { restarts, restMs, pass } = setUp();
    for (const rest of [0, 250, 500]) {
      restarts.noteStart(id, 1);
      pass(1_000);
      restarts.noteEnd(id);
      expect(restMs()).toBe(rest);
      pass(rest);
    }
    restarts.noteStart(id, 1);
    pass(10_000);
    restarts.noteEnd(id);
    expect(restMs()).toBe(0);
    restarts.noteFailure(id, 1, away);
    expect(restMs()).toBe(0);
  });

  it("begin anew for a changed registration, and for a forgotten one", () => {
    const { restarts, restMs } = setUp();
    for (let count = 0; count < 3; count += 1) restarts.noteFailure(id, 1, away);
    expect([restMs(1), restMs(2)]).toEqual([500, 0]);
    restarts.forget(id);
    expect(restMs(1)).toBe(0);
  });
});
