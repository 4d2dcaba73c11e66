import { createHash } from "node:crypto";
import {
  type ApiKeyId,
  AppError,
  canonicalJson,
  type Delegation,
  type ErrorBody,
  type IdempotencyClaim,
  type IdempotencyRecord,
  type LedgerChange,
  type NewTask,
  type Task,
  type TaskId,
  type TaskState,
  type TenantId,
  toAppError,
  toErrorBody,
} from "@devmesh/models";
import { settleCaps } from "../life/settle-caps.ts";
import type { FreedCaps, LedgerStore, SlotNews, TaskRef } from "../store.ts";
import { assertReadable, type Contexts, findContexts } from "./check-contexts.ts";
import {
  checkDelegation,
  findParent,
  inherit,
  lockParents,
  type Parent,
  type Parents,
  yieldSlots,
} from "./delegate.ts";
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
  /** Who delegates the tasks; nobody where it is absent. */
  readonly delegation?: Delegation | undefined;
}

/** What many submissions that are written together go by. */
export interface SubmitOptions {
  /** Delegated tasks that would be deeper are refused. */
  readonly maxDepth: number;
}

export interface Submitted {
  readonly results: readonly SubmitResult[];
  /** The results are those of an earlier call with the same key. */
  readonly isReplay: boolean;
  readonly created: readonly NewTask[];
  /** The task that it was delegated from. */
  readonly parent?: TaskRef | undefined;
}

const noSlots: SlotNews = { waiting: [], claiming: [] };

/** What became of submissions, in order, and of the tasks that they were delegated from. */
export interface SubmittedTogether {
  readonly results: readonly (Submitted | { readonly error: AppError })[];
  readonly changes: readonly LedgerChange[];
  /** Limits that count one less, of those that yielded their slots. */
  readonly freed: FreedCaps;
  readonly slots: SlotNews;
}

/** SHA-256, in hex, of a body as canonical JSON: equal bodies of one key are equal here. */
export function hashBody(body: unknown): string {
  return createHash("sha256").update(canonicalJson(body)).digest("hex");
}

/**
 * Writes submissions together, in one transaction. A submission whose key was used before is answered from the record of
 * its first use, or refused as an error of its own where the body, or the task that it is delegated from, differs. One
 * delegation that is refused refuses no other.
 */
export function submit(
  store: LedgerStore,
  submissions: readonly Submission[],
  { maxDepth }: SubmitOptions,
): Promise<SubmittedTogether> {
  const tenants = [...new Set(submissions.map(({ tenantId }) => tenantId))];
  return store.transaction(tenants, async (tx) => {
    const refs = findOutsideDependencies(submissions);
    const parents = await lockParents(tx, delegationsOf(submissions), refs);
    const locked = refs.length === 0 ? [] : await tx.lockDependencies(refs);
    const dependencies = Map.groupBy(locked, ({ tenantId }) => tenantId);
    const contexts = await findContexts(
      tx,
      submissions.flatMap(({ tasks }) => tasks),
    );
    await tx.begun;
    const known: Known = { dependencies, contexts, parents, maxDepth, now: tx.now };
    const prepared = submissions.map((submission) => prepare(submission, known));
    // what creates nothing is not remembered: its key may be used again with a body that is right
    const claims = prepared.flatMap(({ claim, tasks }) => (claim === undefined || tasks.length === 0 ? [] : claim));
    const isNew = claims.length === 0 ? new Set<number>() : await tx.claimKeys(claims);
    const claimed = new Set(claims.filter((_, index) => isNew.has(index)));
    const asked = prepared.flatMap(({ claim }) => (claim === undefined || claimed.has(claim) ? [] : claim));
    const created = prepared
      .filter(({ claim }) => claim === undefined || claimed.has(claim))
      .flatMap(({ tasks }) => tasks);
    const writing = Promise.all([
      asked.length === 0 ? [] : tx.findKeys(asked),
      created.length === 0 ? undefined : tx.insertTasks(created),
    ]);
    // a parent that yields its slot is written after
    if (submissions.every(({ delegation }) => delegation === undefined)) tx.finish();
    const [records] = await writing;
    const results = prepared.map((one) => toSubmitted(one, { claimed, records }));
    const delegations = submissions.flatMap(({ delegation }, index) => {
      const isWritten = prepared[index]?.parent !== undefined && hasTask(results[index]);
      return delegation === undefined || !isWritten ? [] : [delegation];
    });
    const changes = delegations.length === 0 ? [] : yieldSlots(delegations, parents, tx.now);
    if (changes.length === 0) return { results, changes, freed: { limits: [], budgets: [] }, slots: noSlots };
    const { tx: settling, freed } = settleCaps(tx);
    const slots = await settling.write(changes);
    return { results, changes, freed: freed(), slots };
  });
}

interface Known {
  /** By tenant: submissions of several are written together, and none may depend on another's task. */
  readonly dependencies: ReadonlyMap<TenantId, readonly { readonly taskId: TaskId; readonly state: TaskState }[]>;
  readonly contexts: Contexts;
  readonly parents: Parents;
  readonly maxDepth: number;
  readonly now: Date;
}

function toSubmitted(
  { claim, results, tasks, parent }: Prepared,
  {
    claimed,
    records,
  }: { readonly claimed: ReadonlySet<IdempotencyClaim>; readonly records: readonly IdempotencyRecord[] },
): Submitted | { readonly error: AppError } {
  if (claim === undefined || claimed.has(claim)) return { results, isReplay: false, created: tasks, parent };
  const record = records.find((one) => keyOf(one) === keyOf(claim));
  if (record === undefined && tasks.length === 0) return { results, isReplay: false, created: [] };
  return record?.bodyHash === claim.bodyHash
    ? { results: record.response as readonly SubmitResult[], isReplay: true, created: [], parent }
    : { error: keyReused(claim.key) };
}

function hasTask(submitted: SubmittedTogether["results"][number] | undefined): boolean {
  return submitted !== undefined && "results" in submitted && submitted.results.some((result) => "task" in result);
}

interface Prepared {
  readonly results: readonly SubmitResult[];
  readonly tasks: readonly NewTask[];
  readonly claim: IdempotencyClaim | undefined;
  /** Undefined where nobody delegates, or nobody may. */
  readonly parent: TaskRef | undefined;
}

function prepare(submission: Submission, known: Known): Prepared {
  const { tenantId, delegation, key } = submission;
  const found = delegation === undefined ? undefined : findParent(known.parents, { tenantId, ...delegation });
  const refusal = delegation === undefined ? undefined : checkDelegation(delegation, found, known.maxDepth);
  const parent = refusal === undefined ? found : undefined;
  const made = refusal === undefined ? makeTasks(submission, known, parent) : new Map<TaskId, NewTask | AppError>();
  const results = submission.tasks.map((draft): SubmitResult => {
    const task = "error" in draft ? draft.error : (refusal ?? made.get(draft.id));
    if ("error" in draft || task === undefined || task instanceof AppError) {
      return { error: toErrorBody(toAppError(task)) };
    }
    return { task: toFirstView(task, draft.submission, known.now) };
  });
  const tasks = [...made.values()].flatMap((task) => (task instanceof AppError ? [] : task));
  const hash = key === undefined ? undefined : hashWithParent(key.bodyHash, delegation, found);
  const claim =
    key === undefined || hash === undefined
      ? undefined
      : { tenantId, ...key, bodyHash: hash, response: JSON.stringify(results) };
  return { results, tasks, claim, parent: parent && { tenantId, taskId: parent.entry.taskId } };
}

/**
 * A key covers the task that is delegated from, not the assignment: a later try of the parent that delegates the same
 * again is answered with the child that it has. Undefined for the assignment of somebody else.
 */
function hashWithParent(
  bodyHash: string,
  delegation: Delegation | undefined,
  parent: Parent | undefined,
): string | undefined {
  if (delegation === undefined) return bodyHash;
  if (parent?.entry.assignment.agentId !== delegation.agentId) return undefined;
  return hashBody([bodyHash, parent.entry.taskId]);
}

/** Makes the tasks of a submission. One that is refused refuses those of the same batch that depend on it. */
function makeTasks(
  { tenantId, tasks, delegation }: Submission,
  { dependencies, contexts, now }: Known,
  parent: Parent | undefined,
): ReadonlyMap<TaskId, NewTask | AppError> {
  const drafts = tasks.flatMap((draft) => ("error" in draft ? [] : draft));
  const made = new Map<TaskId, NewTask | AppError>();
  // tasks of the same batch count as open dependencies
  const own = (dependencies.get(tenantId) ?? []).map(({ taskId, state }) => [taskId, state] as const);
  const known = new Map<TaskId, TaskState>([...own, ...drafts.map(({ id }) => [id, "blocked"] as const)]);
  for (let before = -1; before !== known.size; ) {
    before = known.size;
    for (const draft of drafts.filter(({ id }) => known.has(id))) {
      try {
        assertReadable(draft, contexts);
        const whole = delegation === undefined || parent === undefined ? draft : inherit(draft, parent, now);
        made.set(draft.id, toNewTask(whole, known, now));
      } catch (caught) {
        made.set(draft.id, toAppError(caught));
        known.delete(draft.id);
      }
    }
  }
  return made;
}

function delegationsOf(submissions: readonly Submission[]): readonly (Delegation & { readonly tenantId: TenantId })[] {
  return submissions.flatMap(({ tenantId, delegation }) =>
    delegation === undefined ? [] : [{ tenantId, ...delegation }],
  );
}

function findOutsideDependencies(submissions: readonly Submission[]): readonly TaskRef[] {
  return submissions.flatMap(({ tenantId, tasks }): readonly TaskRef[] => {
    const own = new Set(tasks.flatMap((draft) => ("error" in draft ? [] : draft.id)));
    const asked = tasks.flatMap((draft) => ("error" in draft ? [] : draft.dependsOn));
    return asked.filter((taskId) => !own.has(taskId)).map((taskId) => ({ tenantId, taskId }));
  });
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
