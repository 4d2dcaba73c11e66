/**
 * The place of an event among all others: the id of the transaction that wrote it, and within that the order of writing.
 * Both are safe integers; `recorded` is above 0, so that `{ xid, recorded: 0 }` comes before all events of `xid`.
 */
export interface EventCursor {
  readonly xid: number;
  readonly recorded: number;
}

/** Negative where `a` comes before `b`, 0 where they are the same, as `toSorted` asks. */
export function compareCursors(a: EventCursor, b: EventCursor): number {
  return a.xid - b.xid || a.recorded - b.recorded;
}
