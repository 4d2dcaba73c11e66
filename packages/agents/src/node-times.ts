/** The beats of a node's presence, and of those who look at it. All follow from the lease. */
export interface NodeTimes {
  readonly leaseMs: number;
  /** Between two renewals of the lease; one that fails is tried again at once. */
  readonly renewEveryMs: number;
  /** Between two looks at the leases at least: the sweep looks when the next of them would end. */
  readonly sweepPauseMs: number;
  /** Presence in Redis: how often it is announced, and how long one announcement holds. */
  readonly announceEveryMs: number;
  readonly announcementMs: number;
  /** Between two looks at what was announced. */
  readonly lookEveryMs: number;
  /** Absent from Redis for so long, a node is suspected: longer than it takes to announce again after a flush. */
  readonly suspectAfterMs: number;
}

/** The lease of a node in milliseconds, unless configured. */
export const defaultNodeLeaseMs = 15_000;
/** A sweep whose holder died is taken over by another worker within this. */
export const sweepTakeoverMs = 5_000;
/** The promise: connections of a node that died count as dropped within this. */
export const maxDropMs = 30_000;

/** With the default lease: renewed every 7.5 s, announced every 1.5 s for 5 s, looked for every second. */
export function nodeTimes(leaseMs: number): NodeTimes {
  return {
    leaseMs,
    renewEveryMs: leaseMs / 2,
    sweepPauseMs: leaseMs / 15,
    announceEveryMs: leaseMs / 10,
    announcementMs: leaseMs / 3,
    lookEveryMs: leaseMs / 15,
    suspectAfterMs: leaseMs / 3,
  };
}

/** The latest after a node's death that its connections are dropped, though the worker that sweeps died with it. */
export function latestDropMs({ leaseMs, sweepPauseMs }: NodeTimes): number {
  return leaseMs + sweepTakeoverMs + sweepPauseMs;
}
