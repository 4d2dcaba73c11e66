import type { Clock } from "../clock.ts";

/** Pings that may stay without a byte in answer before the connection is dead. */
const maxSilentPings = 3;

export interface HeartbeatOptions {
  readonly clock: Clock;
  readonly heartbeatMs: number;
  readonly ping: () => void;
  /** Called once, after which the heartbeat has ended. */
  readonly dead: () => void;
}

export interface Heartbeat {
  /** Something was received: any byte counts, not only PONG. */
  heard(): void;
  stop(): void;
}

/**
 * Watches one connection: PING after `heartbeatMs` without a byte, again after each further `heartbeatMs`, dead one
 * such span after the third. Hearing something only notes the time; the one timer is moved when it fires.
 */
export function startHeartbeat({ clock, heartbeatMs, ping, dead }: HeartbeatOptions): Heartbeat {
  let heardAtMs = clock.nowMs();
  let pings = 0;
  const check = (): void => {
    const silentMs = clock.nowMs() - heardAtMs;
    const dueMs = (pings + 1) * heartbeatMs;
    if (silentMs < dueMs) {
      cancel = clock.startTimer(dueMs - silentMs, check);
      return;
    }
    if (pings === maxSilentPings) {
      dead();
      return;
    }
    pings += 1;
    ping();
    cancel = clock.startTimer(heartbeatMs, check);
  };
  let cancel = clock.startTimer(heartbeatMs, check);
  return {
    heard: () => {
      heardAtMs = clock.nowMs();
      pings = 0;
    },
    stop: () => cancel(),
  };
}
