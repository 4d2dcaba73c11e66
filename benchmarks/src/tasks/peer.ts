/** What every task carries, whoever runs it: 225 bytes as JSON, near enough. */
export interface Payload {
  readonly number: number;
  /** Milliseconds since the epoch, finer than `Date.now`, and the same for all processes of the machine. */
  readonly submittedAtMs: number;
  readonly padding: string;
}

/** What is called when a task starts; returns at once: the work is none. */
export type OnTask = (payload: Payload) => void;

/** A queue of tasks, ready for work, with its stores. */
export interface OpenPeer extends AsyncDisposable {
  /** What the process of its workers has to know, as JSON: addresses and keys. */
  readonly target: unknown;
  /** In one call of the peer. */
  submitMany(payloads: readonly Payload[]): Promise<void>;
  submitOne(payload: Payload): Promise<void>;
  /** Tasks that are not done for good. */
  countLeft(): Promise<number>;
  /** Tasks that the peer keeps as done; undefined where it removes them. */
  countDone(): Promise<number | undefined>;
}

/** One project under measurement. */
export interface Peer {
  readonly version: () => string;
  /** For the report: all that differs from its defaults. */
  readonly settings: string;
  open(): Promise<OpenPeer>;
  /** Begins to work off what there is, 50 at a time; called in a process of its own. Gives what ends it. */
  startWorkers(target: unknown, onTask: OnTask): Promise<() => Promise<void>>;
}

/** How many tasks run at once. */
export const slots = 50;

export function makePayload(number: number): Payload {
  return { number, submittedAtMs: performance.timeOrigin + performance.now(), padding: "x".repeat(150) };
}
