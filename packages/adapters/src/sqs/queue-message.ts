import type { AppError } from "@devmesh/models";

/** A message on its way to a queue. */
export interface OutgoingMessage {
  /** The sender's own, by which failures are reported; on FIFO queues also what duplicates are known by. */
  readonly id: string;
  readonly body: string;
  /** FIFO queues only: order holds within a group. */
  readonly groupId?: string;
  /** At most ten, as text. */
  readonly attributes?: Readonly<Record<string, string>>;
}

/** A message that a queue did not take; `id` is the sender's. */
export interface FailedMessage {
  readonly id: string;
  readonly error: AppError;
}

/** One delivery of a message; the same message may be delivered again. */
export interface ReceivedMessage {
  readonly id: string;
  readonly body: string;
  /** Names this receipt, for deleting and for visibility. */
  readonly receiptHandle: string;
  /** 1 on the first delivery. */
  readonly receiveCount: number;
  /** The sender's own, as text; binary ones are left out. */
  readonly attributes?: Readonly<Record<string, string>>;
}

/** One long poll. */
export interface ReceiveOptions {
  /** 1–10. */
  readonly maxMessages: number;
  /** 0–20. */
  readonly waitTimeSeconds: number;
  readonly visibilityTimeoutSeconds: number;
  readonly signal: AbortSignal;
}
