import { EventEmitter } from "node:events";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type ForceReason, shutdownSignal } from "./shutdown-signal.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function start(): { source: EventEmitter; signal: AbortSignal; forced: ForceReason[] } {
  const source = new EventEmitter();
  const forced: ForceReason[] = [];
  const signal = shutdownSignal({ deadlineMs: 25_000, source, onForce: (reason) => void forced.push(reason) });
  return { source, signal, forced };
}

describe("shutdownSignal", () => {
  it.each(["SIGTERM", "SIGINT"])("aborts on the first %s", (name) => {
    const { source, signal, forced } = start();
    expect(signal.aborted).toBe(false);
    source.emit(name);
    expect(signal.aborted).toBe(true);
    expect(forced).toEqual([]);
  });

  it("takes a second signal within a second for the same one", () => {
    const { source, forced } = start();
    source.emit("SIGINT");
    vi.advanceTimersByTime(1_000);
    source.emit("SIGINT");
    expect(forced).toEqual([]);
  });

  it("forces the end on a later second signal, once", () => {
    const { source, forced } = start();
    source.emit("SIGINT");
    vi.advanceTimersByTime(1_001);
    source.emit("SIGTERM");
    source.emit("SIGTERM");
    vi.advanceTimersByTime(60_000);
    expect(forced).toEqual(["second signal"]);
  });

  it("forces the end at the deadline", () => {
    const { source, forced } = start();
    source.emit("SIGTERM");
    vi.advanceTimersByTime(24_999);
    expect(forced).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(forced).toEqual(["deadline"]);
  });
});
