import type { Health } from "@devmesh/models";

/** Heartbeats in a row that a connection may miss until it is dead. */
export const maxMissedHeartbeats = 3;

/** An agent's health by the heartbeats that it has missed in a row: degraded after one, unreachable after three. */
export function healthAfter(missedHeartbeats: number): Health {
  if (missedHeartbeats >= maxMissedHeartbeats) return "unreachable";
  return missedHeartbeats >= 1 ? "degraded" : "healthy";
}

/** How many heartbeats in a row were missed by a connection that was last heard of at `lastHeardMs`, on one clock. */
export function missedHeartbeats(lastHeardMs: number, nowMs: number, heartbeatMs: number): number {
  return Math.max(0, Math.floor((nowMs - lastHeardMs) / heartbeatMs) - 1);
}
