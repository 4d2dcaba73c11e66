import { type AppError, type RedriveOrder, type TaskId, toAppError } from "@devmesh/models";
import type { DeadLetterWrites, DueLetter, OpenRedrive, RedriveCounts } from "@devmesh/repositories";
import type { TaskEngine } from "@devmesh/tasks";
import { type SendDeps, sendClaimed } from "./send-claimed.ts";

export interface RedriveLettersDeps extends SendDeps {
  readonly engine: Pick<TaskEngine, "redrive">;
  readonly writes: Pick<DeadLetterWrites, "claimMessages" | "noteRefusals">;
}

type Refusal = { readonly id: string; readonly outcome: "refused" | "failed"; readonly detail: string };

/**
 * Redrives some of a job's dead letters, tasks by the engine and messages by their queue, and notes what was refused.
 *
 * @throws AppError of an outage: what was done is noted, and the rest is found again.
 */
export async function redriveLetters(
  letters: readonly DueLetter[],
  { job, tenants, by }: OpenRedrive,
  deps: RedriveLettersDeps,
): Promise<RedriveCounts> {
  const order: RedriveOrder = { by, force: job.force, jobId: job.id };
  const tasks = letters.filter(({ kind }) => kind === "task");
  const messageIds = letters.filter(({ kind }) => kind === "message").map(({ id }) => id);
  const tried = await Promise.all(tasks.map((letter) => redriveTask(letter, order, deps)));
  const claimed = messageIds.length === 0 ? new Set() : await deps.writes.claimMessages(tenants, messageIds, order);
  const refusals: readonly Refusal[] = [
    ...tried.filter((refusal) => refusal !== undefined),
    ...messageIds
      .filter((id) => !claimed.has(id))
      .map((id) => ({ id, outcome: "refused", detail: "past the limit of redrives, or no longer dead" }) as const),
  ];
  await deps.writes.noteRefusals(tenants, refusals, order);
  const ids = messageIds.filter((id) => claimed.has(id));
  const sending = ids.length === 0 ? { sent: 0, failed: 0, outage: undefined } : await sendClaimed(deps, ids);
  if (sending.outage !== undefined) throw sending.outage;
  const failedTasks = refusals.filter(({ outcome }) => outcome === "failed").length;
  return {
    done: tasks.length - tried.filter((refusal) => refusal !== undefined).length + sending.sent,
    failed: failedTasks + sending.failed,
    skipped: refusals.length - failedTasks,
  };
}

/** Undefined where it was redriven. @throws AppError of an outage. */
async function redriveTask(
  { tenantId, id }: DueLetter,
  order: RedriveOrder,
  { engine }: Pick<RedriveLettersDeps, "engine">,
): Promise<Refusal | undefined> {
  try {
    const outcome = await engine.redrive({ tenantId, taskId: id as TaskId }, order);
    return outcome.kind === "refused" ? { id, outcome: "refused", detail: outcome.error.message } : undefined;
  } catch (caught) {
    const error: AppError = toAppError(caught);
    if (error.code === "unavailable" || error.code === "deadline_exceeded") throw error;
    return { id, outcome: "failed", detail: error.message };
  }
}
