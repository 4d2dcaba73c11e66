import {
  type ApiKeyId,
  type AppError,
  type Delegation,
  type NewId,
  type TaskId,
  type TenantId,
  toRequirements,
} from "@devmesh/models";
import type { BatchWriter } from "../batch-writer.ts";
import type { Lanes } from "../lanes.ts";
import { checksOf, type OutputSchemas } from "../output-schema/output-schemas.ts";
import { checkSubmission } from "./check-submission.ts";
import { toNewBudgets } from "./new-budgets.ts";
import type { Draft } from "./new-task.ts";
import { type Resolved, resolveBatch } from "./resolve-batch.ts";
import { hashBody, type Submission, type SubmitResult, type Submitted } from "./submit.ts";

/** Who submits, and what travels along. */
export interface SubmitContext {
  readonly tenantId: TenantId;
  /** The API key that speaks: keys of idempotency belong to it. */
  readonly principalId: ApiKeyId;
  readonly idempotencyKey?: string | undefined;
  readonly traceparent?: string | undefined;
  /** The assignment that the tasks are delegated from; its agent must be the one that submits. */
  readonly delegation?: Delegation | undefined;
  /** The mesh submits for itself, and may do so with its reserved type. */
  readonly isOwn?: boolean;
}

/** What submissions are checked and written with. */
export interface Submitting {
  readonly deps: { readonly newId: NewId; readonly outputSchemas: OutputSchemas };
  readonly lanes: Lanes;
  readonly submissions: BatchWriter<Submission, Submitted | { readonly error: AppError }>;
}

/** Checks submissions one by one, and hands those that are right on to be written together. */
export async function submitAll(
  { deps, lanes, submissions }: Submitting,
  context: SubmitContext,
  raw: readonly unknown[],
): Promise<{ readonly results: readonly SubmitResult[]; readonly isReplay: boolean }> {
  const checked = await Promise.all(
    raw.map((one) =>
      checkSubmission(one, {
        id: deps.newId() as TaskId,
        outputSchemas: checksOf(deps.outputSchemas, context.tenantId),
        isOwn: context.isOwn,
      }),
    ),
  );
  const tasks = await Promise.all(
    resolveBatch(checked).map((one) => toDraft(one, context, { lanes, newId: deps.newId })),
  );
  const { tenantId, principalId, idempotencyKey, delegation } = context;
  const isBatch = raw.length > 1;
  const key =
    idempotencyKey === undefined
      ? undefined
      : { principalId, operation: "tasks.submit", key: idempotencyKey, bodyHash: hashBody(isBatch ? raw : raw[0]) };
  const submitted = await submissions.add({ tenantId, tasks, key, delegation });
  if ("error" in submitted) throw submitted.error;
  return submitted;
}

async function toDraft(
  resolved: Resolved,
  context: SubmitContext,
  { lanes, newId }: { readonly lanes: Lanes; readonly newId: NewId },
): Promise<Draft | { readonly error: AppError }> {
  if ("error" in resolved) return resolved;
  const { id, submission, dependsOn } = resolved;
  const requirements = toRequirements(submission.type, submission.requirements);
  const { tenantId, traceparent } = context;
  const laneId = await lanes.find(tenantId, requirements, submission.labels);
  const budgets = toNewBudgets(submission, { tenantId, taskId: id, newId });
  const task = { tenantId, id, submission, dependsOn, requirements, laneId, budgets };
  return { ...task, parentId: undefined, depth: 0, traceparent };
}
