import type { DeadLetter, DeadLetterFilter, DeadLetterKind, DeadLetterState, TaskId } from "@devmesh/models";
import { type Sql, sql } from "../database/sql.ts";

/** Of `d`, a row of dead_letter: what lists show. */
export const deadLetterColumns: Sql = sql`
  d.id, d.kind, d.queue, d.type, d.reason, d.message, d.state, d.failed_at as "failedAt", d.redrives,
  d.message_id as "messageId", d.receive_count as "receiveCount"`;

export interface DeadLetterRow {
  readonly id: string;
  readonly kind: DeadLetterKind;
  readonly queue: string;
  readonly type: string | null;
  readonly reason: string;
  readonly message: string;
  readonly state: DeadLetterState;
  readonly failedAt: Date;
  readonly redrives: number;
  readonly messageId: string | null;
  readonly receiveCount: number | null;
}

export function toDeadLetter(row: DeadLetterRow): DeadLetter {
  const { id, kind, queue, type, reason, message, state, failedAt, redrives, messageId, receiveCount } = row;
  return {
    id,
    kind,
    queue,
    ...(type !== null && { type }),
    reason,
    message,
    state,
    failedAt: failedAt.toISOString(),
    redrives,
    ...(kind === "task" && { taskId: id as TaskId }),
    ...(messageId !== null && { messageId }),
    ...(receiveCount !== null && { receiveCount }),
  };
}

/** The conditions of a filter on `d`, each with its `and`. */
export function matches(filter: DeadLetterFilter): Sql {
  const { kind, queue, type, reason, failedAfter, failedBefore, olderThanMs } = filter;
  return sql`
      ${kind === undefined ? sql`` : sql`and d.kind = ${kind}`}
      ${queue === undefined ? sql`` : sql`and d.queue = ${queue}`}
      ${type === undefined ? sql`` : sql`and d.type = ${type}`}
      ${reason === undefined ? sql`` : sql`and d.reason = ${reason}`}
      ${failedAfter === undefined ? sql`` : sql`and d.failed_at > ${failedAfter}::timestamptz`}
      ${failedBefore === undefined ? sql`` : sql`and d.failed_at < ${failedBefore}::timestamptz`}
      ${olderThanMs === undefined ? sql`` : sql`and d.failed_at <= now() - ${olderThanMs}::bigint * interval '1 ms'`}`;
}
