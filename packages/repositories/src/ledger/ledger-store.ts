import type {
  AssignmentId,
  AssignmentScope,
  Candidate,
  IdempotencyClaim,
  IdempotencyRecord,
  LaneId,
  LedgerChange,
  LedgerEntry,
  NewId,
  NewTask,
  PassedOver,
  QueuedTask,
  Requirements,
  SlotPick,
  TakenSlot,
  TaskId,
  TaskState,
  TenantId,
} from "@devmesh/models";
import type { Database, Transaction } from "../database/database.ts";
import { sql } from "../database/sql.ts";
import { countPassedOver, findCandidates, lockHeads } from "./candidates.ts";
import {
  findDependents,
  findFailedDependents,
  findHeld,
  findOpenChildren,
  findOpenDependencies,
  lockDependencies,
  requirementsOf,
} from "./dependencies.ts";
import { type DueRows, findDue } from "./find-due.ts";
import { claimKeys, findKeys } from "./idempotency.ts";
import { insertTasks } from "./insert-tasks.ts";
import { ensureLanes, type LaneAsked } from "./lanes.ts";
import { lockByAssignment, lockByTask } from "./lock-entries.ts";
import { type SlotRef, type TaskRef, taskRows } from "./refs.ts";
import { takeSlots } from "./take-slots.ts";
import { writeChanges } from "./write-changes.ts";

/** The statements of the ledger, bound to one transaction. */
export interface LedgerTransaction {
  readonly now: Date;
  ensureLanes(asked: readonly LaneAsked[]): Promise<readonly LaneId[]>;
  claimKeys(claims: readonly IdempotencyClaim[]): Promise<ReadonlySet<number>>;
  findKeys(claims: readonly IdempotencyClaim[]): Promise<readonly IdempotencyRecord[]>;
  lockDependencies(refs: readonly TaskRef[]): Promise<ReadonlyMap<TaskId, TaskState>>;
  insertTasks(tasks: readonly NewTask[]): Promise<void>;
  lockByAssignment(
    ids: readonly { readonly tenantId: TenantId; readonly assignmentId: AssignmentId }[],
  ): Promise<readonly LedgerEntry[]>;
  lockByTask(refs: readonly TaskRef[]): Promise<readonly LedgerEntry[]>;
  requirementsOf(refs: readonly TaskRef[]): Promise<ReadonlyMap<TaskId, Requirements>>;
  write(changes: readonly LedgerChange[]): Promise<void>;
  findDependents(refs: readonly TaskRef[]): Promise<readonly (TaskRef & { dependsOn: TaskId; open: number })[]>;
  findFailedDependents(refs: readonly TaskRef[]): Promise<readonly TaskRef[]>;
  findOpenDependencies(ref: TaskRef): Promise<ReadonlyMap<TaskId, TaskState>>;
  findOpenChildren(refs: readonly TaskRef[]): Promise<readonly TaskRef[]>;
  findHeld(slot: SlotRef, limit: number): Promise<readonly TaskRef[]>;
  lockHeads(lanes: AssignmentScope["lanes"], perLane: number, limit: number): Promise<readonly QueuedTask[]>;
  countPassedOver(lanes: AssignmentScope["lanes"]): Promise<readonly PassedOver[]>;
  take(
    picks: readonly SlotPick[],
    windows: { readonly acceptMs: number; readonly leaseMs: number },
  ): Promise<readonly TakenSlot[]>;
}

/** The ledger in Postgres, as the task engine needs it. */
export interface Ledger {
  transaction<T>(tenants: readonly TenantId[], work: (tx: LedgerTransaction) => Promise<T>): Promise<T>;
  findCandidates(scope: AssignmentScope, limit: number): Promise<readonly Candidate[]>;
  findDue(limit: number): Promise<DueRows>;
  findOutputSchemas(refs: readonly TaskRef[]): Promise<ReadonlyMap<TaskId, unknown>>;
}

/** The ledger over a database; `newId` names new lanes. */
export function ledgerStore(database: Database, newId: NewId): Ledger {
  return {
    transaction: (tenants, work) =>
      database.transaction({ role: "devmesh_app", tenants, plans: "by_index" }, (tx) => work(bind(tx, newId))),
    findCandidates: (scope, limit) => findCandidates(database, scope, limit),
    findDue: (limit) => database.transaction({ role: "devmesh_engine", plans: "by_index" }, (tx) => findDue(tx, limit)),
    findOutputSchemas: (refs) => findOutputSchemas(database, refs),
  };
}

function bind(tx: Transaction, newId: NewId): LedgerTransaction {
  return {
    now: tx.now,
    ensureLanes: (asked) => ensureLanes(tx, asked, newId),
    claimKeys: (claims) => claimKeys(tx, claims),
    findKeys: (claims) => findKeys(tx, claims),
    lockDependencies: (refs) => lockDependencies(tx, refs),
    insertTasks: (tasks) => insertTasks(tx, tasks),
    lockByAssignment: (ids) => lockByAssignment(tx, ids),
    lockByTask: (refs) => lockByTask(tx, refs),
    requirementsOf: (refs) => requirementsOf(tx, refs),
    write: (changes) => writeChanges(tx, changes),
    findDependents: (refs) => findDependents(tx, refs),
    findFailedDependents: (refs) => findFailedDependents(tx, refs),
    findOpenDependencies: (ref) => findOpenDependencies(tx, ref),
    findOpenChildren: (refs) => findOpenChildren(tx, refs),
    findHeld: (slot, limit) => findHeld(tx, slot, limit),
    lockHeads: (lanes, perLane, limit) => lockHeads(tx, lanes, { perLane, limit }),
    countPassedOver: (lanes) => countPassedOver(tx, lanes),
    take: (picks, windows) => takeSlots(tx, picks, windows),
  };
}

async function findOutputSchemas(database: Database, refs: readonly TaskRef[]): Promise<ReadonlyMap<TaskId, unknown>> {
  const tenants = [...new Set(refs.map(({ tenantId }) => tenantId))];
  const { rows } = await database.queryAs<{ taskId: TaskId; outputSchema: unknown }>(
    { role: "devmesh_app", tenants, plans: "by_index" },
    sql`
      select b.task_id as "taskId", b.output_schema as "outputSchema"
      from ${taskRows(refs)} as asked (tenant_id, task_id)
      join task_body b on b.tenant_id = asked.tenant_id and b.task_id = asked.task_id`,
  );
  return new Map(rows.map(({ taskId, outputSchema }) => [taskId, outputSchema]));
}
