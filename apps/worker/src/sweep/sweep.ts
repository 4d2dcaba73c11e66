import type { CounterMetric } from "@devmesh/observability";
import type { Nudge } from "@devmesh/runtime";
import type { TaskEngine } from "@devmesh/tasks";

export interface SweepDeps {
  readonly engine: Pick<TaskEngine, "sweep">;
  readonly alarm: SweepAlarm;
  readonly done: CounterMetric<never>;
}

/** Wakes the sweep before its time when something is due earlier than it knew. */
export interface SweepAlarm {
  /** Says that something is due at `at`, by the database's clock, as all times here: this process's may be skewed. */
  ring(at: Date): void;
  /** Sleeps for `ms` from `now`, when the sweep looked. */
  sleep(ms: number, now: Date, signal: AbortSignal): Promise<void>;
}

/** The longest sleep: what no hint told of waits no longer. */
const maxSleepMs = 30_000;
/** The shortest: due things come in bunches. */
const minSleepMs = 100;

/** Does what time brings, until `signal` aborts: leases, accept windows, deadlines, wake-ups. One holder at a time. */
export async function sweepTasks({ engine, alarm, done }: SweepDeps, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const round = await engine.sweep();
    done.inc(round.done);
    const nextMs = round.nextDueInMs ?? maxSleepMs;
    await alarm.sleep(Math.min(maxSleepMs, Math.max(minSleepMs, nextMs)), round.now, signal);
  }
}

export function createSweepAlarm(nudge: Nudge): SweepAlarm {
  let wakesAt = Number.NEGATIVE_INFINITY;
  return {
    ring: (at) => {
      if (at.getTime() >= wakesAt) return;
      wakesAt = at.getTime();
      nudge.nudge();
    },
    sleep: async (ms, now, signal) => {
      wakesAt = now.getTime() + ms;
      await nudge.wait(ms, signal);
      // While the sweep is at work whatever falls due is to wake it again.
      wakesAt = Number.POSITIVE_INFINITY;
    },
  };
}
