import type {
  AgentId,
  AssignmentId,
  AssignmentScope,
  BudgetId,
  BudgetRef,
  BudgetStanding,
  Candidate,
  CapHold,
  ChildResult,
  ClaimedTask,
  ContextStanding,
  Heritage,
  IdempotencyClaim,
  IdempotencyRecord,
  LaneId,
  LaneMove,
  LedgerChange,
  LedgerEntry,
  LimitId,
  LimitRule,
  LimitStanding,
  NewId,
  NewTask,
  ParkedTask,
  PassedOver,
  QueuedTask,
  Requirements,
  SlotPick,
  TakenBy,
  TakenSlot,
  TakeTerms,
  TaskId,
  TaskState,
  TaskSubject,
  TenantId,
} from "@devmesh/models";
import type { Database, Transaction } from "../database/database.ts";
import { sql } from "../database/sql.ts";
import { addUsage, type TryUsage } from "./add-usage.ts";
import { countPassedOver, findCandidates, lockHeads } from "./candidates.ts";
import {
  countHolds,
  findLimits,
  findSubjects,
  laneRequirements,
  lockBudgets,
  lockLimits,
  moveTasks,
  parkTasks,
  readCaps,
  type StandingCaps,
} from "./caps.ts";
import { type CapChange, changeCaps, type FreedCaps, lockLimitsOf } from "./change-caps.ts";
import {
  type AssignmentRef,
  findChildren,
  findDescendants,
  findHeritage,
  findOpenParents,
  findResumable,
  lockFreeSlots,
  lockTogether,
  type ResumeAsked,
} from "./delegation.ts";
import {
  findDependents,
  findFailedDependents,
  findHeld,
  findOpenDependencies,
  type HeldAsked,
  lockDependencies,
  requirementsOf,
} from "./dependencies.ts";
import { type ClaimantRow, findClaimant, findClaimed } from "./find-claimed.ts";
import { type ContextRef, findContexts } from "./find-contexts.ts";
import { type DueRows, findDue } from "./find-due.ts";
import { claimKeys, findKeys } from "./idempotency.ts";
import { insertAnswers } from "./insert-answers.ts";
import { insertTasks } from "./insert-tasks.ts";
import { ensureLanes, type LaneAsked } from "./lanes.ts";
import { lockByAssignment, lockByTask } from "./lock-entries.ts";
import { type SlotRef, type TaskRef, taskRows } from "./refs.ts";
import { takeSlots } from "./take-slots.ts";
import { type Unparked, unparkTasks } from "./unpark.ts";
import { type SlotNews, writeChanges } from "./write-changes.ts";

/** The statements of the ledger, bound to one transaction. */
export interface LedgerTransaction {
  readonly now: Date;
  readonly begun: Promise<void>;
  finish(): void;
  ensureLanes(asked: readonly LaneAsked[]): Promise<readonly LaneId[]>;
  claimKeys(claims: readonly IdempotencyClaim[]): Promise<ReadonlySet<number>>;
  findKeys(claims: readonly IdempotencyClaim[]): Promise<readonly IdempotencyRecord[]>;
  lockDependencies(refs: readonly TaskRef[]): Promise<readonly (TaskRef & { readonly state: TaskState })[]>;
  findContexts(refs: readonly ContextRef[]): Promise<readonly (ContextRef & { readonly standing: ContextStanding })[]>;
  insertTasks(tasks: readonly NewTask[]): Promise<void>;
  lockByAssignment(
    ids: readonly { readonly tenantId: TenantId; readonly assignmentId: AssignmentId }[],
  ): Promise<readonly LedgerEntry[]>;
  lockByTask(refs: readonly TaskRef[]): Promise<readonly LedgerEntry[]>;
  requirementsOf(refs: readonly TaskRef[]): Promise<ReadonlyMap<TaskId, Requirements>>;
  write(changes: readonly LedgerChange[]): Promise<SlotNews>;
  findDependents(refs: readonly TaskRef[]): Promise<readonly (TaskRef & { dependsOn: TaskId; open: number })[]>;
  findFailedDependents(refs: readonly TaskRef[]): Promise<readonly TaskRef[]>;
  findOpenDependencies(ref: TaskRef): Promise<ReadonlyMap<TaskId, TaskState>>;
  lockTogether(assignments: readonly AssignmentRef[], tasks: readonly TaskRef[]): Promise<void>;
  findHeritage(refs: readonly AssignmentRef[]): Promise<ReadonlyMap<TaskId, Heritage>>;
  findDescendants(refs: readonly TaskRef[]): Promise<readonly TaskRef[]>;
  findResumable(asked: ResumeAsked): Promise<readonly TaskRef[]>;
  findOpenParents(refs: readonly TaskRef[]): Promise<ReadonlySet<TaskId>>;
  lockFreeSlots(agents: readonly SlotRef[]): Promise<ReadonlyMap<AgentId, number>>;
  findChildren(refs: readonly TaskRef[]): Promise<ReadonlyMap<TaskId, readonly ChildResult[]>>;
  findHeld(slot: SlotRef, which: HeldAsked): Promise<readonly TaskRef[]>;
  lockHeads(lanes: AssignmentScope["lanes"], perLane: number, limit: number): Promise<readonly QueuedTask[]>;
  countPassedOver(lanes: AssignmentScope["lanes"], claiming?: readonly AgentId[]): Promise<readonly PassedOver[]>;
  readCaps(tenants: readonly TenantId[]): Promise<StandingCaps>;
  findSubjects(refs: readonly TaskRef[]): Promise<readonly TaskSubject[]>;
  laneRequirements(laneIds: readonly LaneId[]): Promise<ReadonlyMap<LaneId, Requirements>>;
  moveTasks(moves: readonly LaneMove[]): Promise<void>;
  lockLimits(ids: readonly LimitId[]): Promise<readonly LimitStanding[]>;
  lockBudgets(ids: readonly BudgetId[]): Promise<readonly BudgetStanding[]>;
  countHolds(holds: readonly CapHold[]): Promise<void>;
  parkTasks(parked: readonly ParkedTask[]): Promise<void>;
  changeCaps(changes: readonly CapChange[]): Promise<FreedCaps>;
  lockLimitsOf(assignmentIds: readonly AssignmentId[]): Promise<void>;
  addUsage(tries: readonly TryUsage[]): Promise<void>;
  unparkTasks(budgets: readonly BudgetRef[], perBudget: number): Promise<Unparked>;
  take(picks: readonly SlotPick[], terms: TakeTerms): Promise<readonly TakenSlot[]>;
}

/** The ledger in Postgres, as the task engine needs it. */
export interface Ledger {
  transaction<T>(tenants: readonly TenantId[], work: (tx: LedgerTransaction) => Promise<T>): Promise<T>;
  findCandidates(scope: AssignmentScope, limit: number, by?: TakenBy): Promise<readonly Candidate[]>;
  findClaimant(agent: SlotRef): Promise<ClaimantRow | undefined>;
  findClaimed(agent: SlotRef, assignmentIds: readonly AssignmentId[]): Promise<readonly ClaimedTask[]>;
  findLimits(tenantId: TenantId): Promise<readonly LimitRule[]>;
  findDue(limit: number): Promise<DueRows>;
  findOutputSchemas(refs: readonly TaskRef[]): Promise<ReadonlyMap<TaskId, unknown>>;
}

/** The ledger over a database; `newId` names new lanes. */
export function ledgerStore(database: Database, newId: NewId): Ledger {
  return {
    transaction: (tenants, work) =>
      database.transaction({ role: "devmesh_app", tenants, plans: "by_index", begins: "with_first_statement" }, (tx) =>
        work(bind(tx, newId)),
      ),
    findCandidates: (scope, limit, by) => findCandidates(database, scope, limit, by),
    findClaimant: (agent) => findClaimant(database, agent),
    findClaimed: (agent, assignmentIds) => findClaimed(database, agent, assignmentIds),
    findLimits: (tenantId) =>
      database.transaction({ role: "devmesh_app", tenants: [tenantId], plans: "by_index" }, (tx) =>
        findLimits(tx, tenantId),
      ),
    findDue: (limit) => database.transaction({ role: "devmesh_engine", plans: "by_index" }, (tx) => findDue(tx, limit)),
    findOutputSchemas: (refs) => findOutputSchemas(database, refs),
  };
}

function bind(tx: Transaction, newId: NewId): LedgerTransaction {
  return {
    begun: tx.begun,
    get now() {
      return tx.now;
    },
    finish: () => tx.finish(),
    ensureLanes: (asked) => ensureLanes(tx, asked, newId),
    claimKeys: (claims) => claimKeys(tx, claims),
    findKeys: (claims) => findKeys(tx, claims),
    lockDependencies: (refs) => lockDependencies(tx, refs),
    findContexts: (refs) => findContexts(tx, refs),
    insertTasks: (tasks) => insertTasks(tx, tasks),
    lockByAssignment: (ids) => lockByAssignment(tx, ids),
    lockByTask: (refs) => lockByTask(tx, refs),
    requirementsOf: (refs) => requirementsOf(tx, refs),
    write: (changes) => write(tx, changes),
    findDependents: (refs) => findDependents(tx, refs),
    findFailedDependents: (refs) => findFailedDependents(tx, refs),
    findOpenDependencies: (ref) => findOpenDependencies(tx, ref),
    lockTogether: (assignments, tasks) => lockTogether(tx, assignments, tasks),
    findHeritage: (refs) => findHeritage(tx, refs),
    findDescendants: (refs) => findDescendants(tx, refs),
    findResumable: (asked) => findResumable(tx, asked),
    findOpenParents: (refs) => findOpenParents(tx, refs),
    lockFreeSlots: (agents) => lockFreeSlots(tx, agents),
    findChildren: (refs) => findChildren(tx, refs),
    findHeld: (slot, which) => findHeld(tx, slot, which),
    lockHeads: (lanes, perLane, limit) => lockHeads(tx, lanes, { perLane, limit }),
    countPassedOver: (lanes, claiming) => countPassedOver(tx, lanes, claiming),
    readCaps: (tenants) => readCaps(tx, tenants),
    findSubjects: (refs) => findSubjects(tx, refs),
    laneRequirements: (laneIds) => laneRequirements(tx, laneIds),
    moveTasks: (moves) => moveTasks(tx, moves),
    lockLimits: (ids) => lockLimits(tx, ids),
    lockBudgets: (ids) => lockBudgets(tx, ids),
    countHolds: (holds) => countHolds(tx, holds),
    parkTasks: (parked) => parkTasks(tx, parked),
    changeCaps: (changes) => changeCaps(tx, changes),
    lockLimitsOf: (assignmentIds) => lockLimitsOf(tx, assignmentIds),
    addUsage: (tries) => addUsage(tx, tries),
    unparkTasks: (budgets, perBudget) => unparkTasks(tx, budgets, perBudget),
    take: (picks, terms) => takeSlots(tx, picks, terms),
  };
}

/** Two statements, sent together, where a question was answered. */
async function write(tx: Transaction, changes: readonly LedgerChange[]): Promise<SlotNews> {
  const answered = changes.filter(({ answers = [] }) => answers.length > 0);
  const [slots] = await Promise.all([
    writeChanges(tx, changes),
    answered.length > 0 ? insertAnswers(tx, answered) : undefined,
  ]);
  return slots;
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
