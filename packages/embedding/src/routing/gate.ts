import { AppError } from "@devmesh/models";
import { assertWanted } from "./cancelled.ts";

/** A bulkhead: so many run at a time, and so many more may wait. */
export interface Gate {
  /**
   * Runs `task` once there is room: first come, first served, but what is urgent before all that is not.
   *
   * @throws AppError `resource_exhausted`, reason `bulkhead_full`, where too many wait; `cancelled` while it waits;
   * and what `task` throws.
   */
  run<T>(task: () => Promise<T>, who: { readonly isUrgent: boolean; readonly signal: AbortSignal }): Promise<T>;
}

export function createGate(name: string, max: { readonly running: number; readonly waiting: number }): Gate {
  let running = 0;
  const urgent = new Set<() => void>();
  const patient = new Set<() => void>();

  function enter({
    isUrgent,
    signal,
  }: {
    readonly isUrgent: boolean;
    readonly signal: AbortSignal;
  }): Promise<void> | undefined {
    assertWanted(signal);
    if (running < max.running) {
      running++;
      return undefined;
    }
    if (urgent.size + patient.size >= max.waiting) throw full(name, max.waiting);
    return waitForTurn(isUrgent ? urgent : patient, signal);
  }

  /** Whoever leaves hands its place over: `running` stays as it is. */
  function waitForTurn(waiting: Set<() => void>, signal: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    function admit(): void {
      signal.removeEventListener("abort", giveUp);
      resolve();
    }
    function giveUp(): void {
      waiting.delete(admit);
      try {
        assertWanted(signal);
      } catch (error) {
        reject(error);
      }
    }
    waiting.add(admit);
    signal.addEventListener("abort", giveUp, { once: true });
    return promise;
  }

  function leave(): void {
    const next = shift(urgent) ?? shift(patient);
    if (next === undefined) running--;
    else next();
  }

  return {
    run: async (task, who) => {
      await enter(who);
      try {
        return await task();
      } finally {
        leave();
      }
    },
  };
}

function shift(waiting: Set<() => void>): (() => void) | undefined {
  const [first] = waiting;
  if (first !== undefined) waiting.delete(first);
  return first;
}

function full(name: string, bound: number): AppError {
  return new AppError("resource_exhausted", `${bound} calls wait for ${name} already`, {
    reason: "bulkhead_full",
    retryAfterMs: 1_000,
  });
}
