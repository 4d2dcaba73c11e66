/**
 * One lease as the agent knows it, in monotonic milliseconds. The server's clock starts when it records ACCEPT or
 * PROGRESS, so the end is only known to lie before the reply's arrival plus `leaseMs`: past that it has certainly run out.
 */
export interface Lease {
  readonly leaseMs: number;
  /** Past this no confirmed renewal holds. */
  untilMs: number;
  /** When a renewal is to be sent, a third of the lease after the last. */
  renewAtMs: number;
  /** When the renewal was sent that has no answer yet. */
  renewalSentAtMs: number | undefined;
}

export function startLease(leaseMs: number, nowMs: number): Lease {
  return { leaseMs, untilMs: nowMs + leaseMs, renewAtMs: nowMs + leaseMs / 3, renewalSentAtMs: undefined };
}

/** True when a renewal should be sent now; never while one is under way. */
export function isRenewalDue(lease: Lease, nowMs: number): boolean {
  return lease.renewalSentAtMs === undefined && nowMs >= lease.renewAtMs;
}

export function noteRenewalSent(lease: Lease, nowMs: number): void {
  lease.renewalSentAtMs = nowMs;
}

/** The server recorded it: a full lease, or the `grantedMs` of an EXTEND, runs from at most now. */
export function noteRenewed(lease: Lease, nowMs: number, grantedMs: number = lease.leaseMs): void {
  lease.untilMs = nowMs + grantedMs;
  // as before a renewal: when two thirds of a plain lease are left
  lease.renewAtMs = Math.max(nowMs, lease.untilMs - (lease.leaseMs * 2) / 3);
  lease.renewalSentAtMs = undefined;
}

/** The server refused it for now: the lease is what it was, and another try is due soon. */
export function noteRenewalRefused(lease: Lease, nowMs: number): void {
  lease.renewalSentAtMs = undefined;
  lease.renewAtMs = nowMs + lease.leaseMs / 12;
}

/** The connection went before an answer came: it may have been recorded, and after a reconnect the next one is due. */
export function noteRenewalLost(lease: Lease, nowMs: number): void {
  lease.untilMs = endOf(lease);
  lease.renewalSentAtMs = undefined;
  lease.renewAtMs = nowMs;
}

/** A progress frame without an answer may have set an extended lease back to its plain length. */
export function noteUnconfirmedProgress(lease: Lease, nowMs: number): void {
  lease.renewAtMs = Math.min(lease.renewAtMs, nowMs + lease.leaseMs / 3);
}

/** True when no renewal that the server may have recorded still holds. */
export function hasCertainlyEnded(lease: Lease, nowMs: number): boolean {
  return nowMs > endOf(lease);
}

function endOf(lease: Lease): number {
  if (lease.renewalSentAtMs === undefined) return lease.untilMs;
  return Math.max(lease.untilMs, lease.renewalSentAtMs + lease.leaseMs);
}
