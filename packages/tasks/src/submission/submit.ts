import { createHash } from "node:crypto";
import {
  type ApiKeyId,
  AppError,
  canonicalJson,
  type ErrorBody,
  type IdempotencyClaim,
  type NewTask,
  type Task,
  type TaskId,
  type TaskState,
  type TenantId,
  toAppError,
  toErrorBody,
} from "@devmesh/models";
import type { LedgerStore, LedgerTx, TaskRef } from "../store.ts";
import { type Draft, toFirstView, toNewTask } from "./new-task.ts";

/** What became of one task of a submission. */
export type SubmitResult = { readonly task: Task } | { readonly error: ErrorBody };

/** The idempotency key of a submission, with the hash of what was submitted. */
export interface SubmitKey {
  readonly principalId: ApiKeyId;
  readonly operation: string;
  readonly key: string;
  readonly bodyHash: string;
}

/** One call of submit: a task or a batch, with each task checked already. */
export interface Submission {
  readonly tenantId: TenantId;
  readonly tasks: readonly (Draft | { readonly error: AppError })[];
  readonly key: SubmitKey | undefined;
}

export interface Submitted {
  readonly results: readonly SubmitResult[];
  /** The results are those of an earlier call with the same key. */
  readonly isReplay: boolean;
  readonly created: readonly NewTask[];
}

/** SHA-256, in hex, of a body as canonical JSON: equal bodies of one key are equal here. */
export function hashBody(body: unknown): string {
  return createHash("sha256").update(canonicalJson(body)).digest("hex");
}

/**
 * Writes submissions together, in one transaction. A submission whose key was used before is answered from the record of
 * its first use, or refused as an error of its own where the body differs.
 */
export function submit(
  store: LedgerStore,
  submissions: readonly Submission[],
): Promise<readonly (Submitted | { readonly error: AppError })[]> {
  const tenants = [...new Set(submissions.map(({ tenantId }) => tenantId))];
  return store.transaction(tenants, async (tx) => {
    const dependencies = await lockDependencies(tx, submissions);
    const prepared = submissions.map((submission) => prepare(submission, dependencies, tx.now));
    // what creates nothing is not remembered: its key may be used again with a body that is right
    const claims = prepared.flatMap(({ claim, tasks }) => (claim === undefined || tasks.length === 0 ? [] : claim));
    const isNew = claims.length === 0 ? new Set<number>() : await tx.claimKeys(claims);
    const claimed = new Set(claims.filter((_, index) => isNew.has(index)));
    const asked = prepared.flatMap(({ claim }) => (claim === undefined || claimed.has(claim) ? [] : claim));
    const created = prepared
      .filter(({ claim }) => claim === undefined || claimed.has(claim))
      .flatMap(({ tasks }) => tasks);
    const [records] = await Promise.all([
      asked.length === 0 ? [] : tx.findKeys(asked),
      created.length === 0 ? undefined : tx.insertTasks(created),
    ]);
    return prepared.map(({ claim, results, tasks }) => {
      if (claim === undefined || claimed.has(claim)) return { results, isReplay: false, created: tasks };
      const record = records.find((one) => keyOf(one) === keyOf(claim));
      if (record === undefined && tasks.length === 0) return { results, isReplay: false, created: [] };
      return record?.bodyHash === claim.bodyHash
        ? { results: record.response as readonly SubmitResult[], isReplay: true, created: [] }
        : { error: keyReused(claim.key) };
    });
  });
}

interface Prepared {
  readonly results: readonly SubmitResult[];
  readonly tasks: readonly NewTask[];
  readonly claim: IdempotencyClaim | undefined;
}

function prepare(submission: Submission, dependencies: ReadonlyMap<TaskId, TaskState>, now: Date): Prepared {
  const made = makeTasks(submission, dependencies, now);
  const results = submission.tasks.map((draft): SubmitResult => {
    const task = "error" in draft ? draft.error : made.get(draft.id);
    if ("error" in draft || task === undefined || task instanceof AppError) {
      return { error: toErrorBody(toAppError(task)) };
    }
    return { task: toFirstView(task, draft.submission, now) };
  });
  const tasks = [...made.values()].flatMap((task) => (task instanceof AppError ? [] : task));
  const { tenantId, key } = submission;
  const claim = key === undefined ? undefined : { tenantId, ...key, response: JSON.stringify(results) };
  return { results, tasks, claim };
}

/** Makes the tasks of a submission. One that is refused refuses those of the same batch that depend on it. */
function makeTasks(
  { tasks }: Submission,
  dependencies: ReadonlyMap<TaskId, TaskState>,
  now: Date,
): ReadonlyMap<TaskId, NewTask | AppError> {
  const drafts = tasks.flatMap((draft) => ("error" in draft ? [] : draft));
  const made = new Map<TaskId, NewTask | AppError>();
  // tasks of the same batch count as open dependencies
  const known = new Map<TaskId, TaskState>([...dependencies, ...drafts.map(({ id }) => [id, "blocked"] as const)]);
  for (let before = -1; before !== known.size; ) {
    before = known.size;
    for (const draft of drafts.filter(({ id }) => known.has(id))) {
      try {
        made.set(draft.id, toNewTask(draft, known, now));
      } catch (caught) {
        made.set(draft.id, toAppError(caught));
        known.delete(draft.id);
      }
    }
  }
  return made;
}

async function lockDependencies(
  tx: LedgerTx,
  submissions: readonly Submission[],
): Promise<ReadonlyMap<TaskId, TaskState>> {
  const refs = submissions.flatMap(({ tenantId, tasks }): readonly TaskRef[] => {
    const own = new Set(tasks.flatMap((draft) => ("error" in draft ? [] : draft.id)));
    const asked = tasks.flatMap((draft) => ("error" in draft ? [] : draft.dependsOn));
    return asked.filter((taskId) => !own.has(taskId)).map((taskId) => ({ tenantId, taskId }));
  });
  return refs.length === 0 ? new Map() : tx.lockDependencies(refs);
}

function keyOf({
  tenantId,
  principalId,
  operation,
  key,
}: Pick<IdempotencyClaim, "tenantId" | "principalId" | "operation" | "key">): string {
  return JSON.stringify([tenantId, principalId, operation, key]);
}

function keyReused(key: string): AppError {
  const message = `idempotency key ${JSON.stringify(key)} was used with another body`;
  return new AppError("conflict", message, { reason: "idempotency_key_reused" });
}
