import type { ApiKeyId, TaskId, TenantId } from "./ids.ts";

/** After so many redrives of the same thing a further one has to be forced. */
export const maxRedrives = 3;

/** The tenant of messages that name none: visible with the scope `admin` alone. */
export const nobodysTenant = "00000000-0000-0000-0000-000000000000" as TenantId;

/** The queue that failed tasks are listed under. */
export const tasksDeadLetterQueue = "tasks";

/** What can die: a task that `failed`, or a message of a queue that could not be handled. */
export const deadLetterKinds = ["task", "message"] as const;

/** One of {@link deadLetterKinds}. */
export type DeadLetterKind = (typeof deadLetterKinds)[number];

/**
 * Dead; `redriving` while its message is still to be sent; redriven; and for messages `purging` until it is deleted from
 * SQS. A task that is redriven and fails again is dead again, under the same id.
 */
export const deadLetterStates = ["dead", "redriving", "redriven", "purging", "purged"] as const;

/** One of {@link deadLetterStates}. */
export type DeadLetterState = (typeof deadLetterStates)[number];

/** A dead letter as lists show it. Its id is the task's, or that of the message on its first death. */
export interface DeadLetter {
  readonly id: string;
  readonly kind: DeadLetterKind;
  readonly queue: string;
  /** Of the task. */
  readonly type?: string;
  /** The class of the task's error; of a message the code it was given up for, or `max_receives`. */
  readonly reason: string;
  readonly message: string;
  readonly state: DeadLetterState;
  /** Of the latest death; RFC 3339. */
  readonly failedAt: string;
  readonly redrives: number;
  readonly taskId?: TaskId;
  /** SQS's id on the latest death. */
  readonly messageId?: string;
  readonly receiveCount?: number;
}

/** Which dead letters are meant. All that are given must hold; times are RFC 3339 UTC. */
export interface DeadLetterFilter {
  readonly kind?: DeadLetterKind | undefined;
  readonly queue?: string | undefined;
  readonly type?: string | undefined;
  readonly reason?: string | undefined;
  /** Exclusive. */
  readonly failedAfter?: string | undefined;
  /** Exclusive. */
  readonly failedBefore?: string | undefined;
  /** By the database's clock. */
  readonly olderThanMs?: number | undefined;
}

/** Who has something redriven or purged, and how. */
export interface RedriveOrder {
  /** Undefined for the mesh itself. */
  readonly by: ApiKeyId | undefined;
  /** True: past {@link maxRedrives} too. */
  readonly force: boolean;
  readonly jobId?: string | undefined;
}

/** What became of a redrive or purge. `pending`: the message is still to be sent. */
export const auditOutcomes = ["pending", "redriven", "refused", "failed", "stopped", "purged"] as const;

/** One of {@link auditOutcomes}. */
export type AuditOutcome = (typeof auditOutcomes)[number];

/** One redrive or purge that was asked for. */
export interface DeadLetterAudit {
  readonly id: string;
  readonly deadLetterId: string;
  readonly action: "redrive" | "purge";
  /** The API key; its name where it is the reader's tenant's. Absent: SQS or the mesh itself. */
  readonly by?: { readonly id: ApiKeyId; readonly name?: string };
  readonly force: boolean;
  readonly outcome: AuditOutcome;
  /** Of a refusal or failure: why. */
  readonly detail?: string;
  readonly jobId?: string;
  /** RFC 3339. */
  readonly at: string;
}

/** The life of a bulk redrive. */
export const redriveJobStates = ["queued", "running", "stopping", "stopped", "completed", "failed"] as const;

/** One of {@link redriveJobStates}. */
export type RedriveJobState = (typeof redriveJobStates)[number];

/** A bulk redrive. `done + failed + skipped` is how far it has come, of `total` when it was made. */
export interface RedriveJob {
  readonly id: string;
  readonly state: RedriveJobState;
  readonly filter: DeadLetterFilter;
  readonly ratePerSecond: number;
  readonly force: boolean;
  readonly total: number;
  readonly done: number;
  readonly failed: number;
  /** Refused: past the limit without `force`, or in a state that allows no redrive. */
  readonly skipped: number;
  /** `native`: SQS moves the queue as a whole. */
  readonly method: "native" | "single";
  readonly error?: string;
  readonly createdAt: string;
  readonly startedAt?: string;
  readonly finishedAt?: string;
}
