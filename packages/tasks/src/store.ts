import type {
  AdminState,
  AgentId,
  AssignmentId,
  AssignmentScope,
  Availability,
  BudgetId,
  BudgetRef,
  BudgetScope,
  BudgetStanding,
  Candidate,
  CapHold,
  ChildResult,
  ClaimedTask,
  ContextId,
  ContextStanding,
  Heritage,
  IdempotencyClaim,
  IdempotencyRecord,
  LaneId,
  LaneMove,
  LedgerChange,
  LedgerEntry,
  LimitId,
  LimitRef,
  LimitRule,
  LimitStanding,
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

/** Names a task. */
export interface TaskRef {
  readonly tenantId: TenantId;
  readonly taskId: TaskId;
}

/** Names a context. */
export interface ContextRef {
  readonly tenantId: TenantId;
  readonly contextId: ContextId;
}

/** Names the slots of an agent. */
export interface AgentSlotRef {
  readonly tenantId: TenantId;
  readonly agentId: AgentId;
}

/** Where tasks that yielded their slots may go on: parents with a final child, agents with a free slot. */
export interface ResumeAsked {
  readonly parents: readonly TaskRef[];
  readonly agents: readonly AgentSlotRef[];
}

/** Asks for the lane of some requirements, for tasks that are subject to these limits, in the order of their ids. */
export interface LaneAsked {
  readonly tenantId: TenantId;
  readonly requirements: Requirements;
  readonly limitIds?: readonly LimitId[];
}

/** What caps the work of tenants, without figures. Budgets of tasks and trees go with the tasks. */
export interface StandingCaps {
  readonly limits: readonly LimitRule[];
  /** Of the tenants, and of those of their agents that `subjectId` names. */
  readonly budgets: readonly { readonly id: BudgetId; readonly scope: BudgetScope; readonly subjectId?: AgentId }[];
}

/**
 * An assignment that something counts, and how that changes: it ends, or gives up its slot while its children run, or
 * takes one again.
 */
export interface CapChange {
  readonly tenantId: TenantId;
  readonly assignmentId: AssignmentId;
  /** What its limits count more, or less. */
  readonly inFlight: -1 | 0 | 1;
  /** What was reserved is released, and what the agent said that it cost is spent. */
  readonly ends: boolean;
  readonly costMicroUsd: number;
  readonly tokens: number;
}

/** Limits that count less, and budgets with room that were spent before, or have parked tasks. */
export interface FreedCaps {
  readonly limits: readonly LimitRef[];
  readonly budgets: readonly BudgetRef[];
}

/** Where something may be assigned now that budgets have room, and those that have parked more. */
export interface Unparked {
  readonly lanes: AssignmentScope["lanes"];
  readonly agents: AssignmentScope["agents"];
  readonly more: readonly BudgetRef[];
}

/** What was found about the agents whose slots were written. */
export interface SlotNews {
  /** They have a free slot now while an assignment of theirs awaits one. */
  readonly waiting: readonly AgentSlotRef[];
  /** They claim their tasks, and gave up a slot. */
  readonly claiming: readonly AgentSlotRef[];
}

/** What one try has cost, as its agent told. */
export interface TryUsage {
  readonly tenantId: TenantId;
  readonly taskId: TaskId;
  readonly assignmentId: AssignmentId;
  readonly agentId: AgentId;
  /** Empty where the agent names none. */
  readonly model: string;
  /** The task has ended with this try. */
  readonly endsTask: boolean;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly costMicroUsd: number;
}

/** What the engine must be able to do inside one transaction. Every method is one statement unless it says otherwise. */
export interface LedgerTx {
  /** The database's time at the beginning of the transaction; known with the answer to the first statement. */
  readonly now: Date;
  /** Resolves when {@link LedgerTx.now} is known, for whoever needs it before any statement. */
  readonly begun: Promise<void>;
  /**
   * Sends the commit behind the statements that were sent: nothing may be sent any more. When one of them fails, nothing
   * was done; what the work throws for another reason comes too late to take anything back.
   */
  finish(): void;

  /** The ids of lanes, in the order asked; makes those that are missing, under the lock of the tenant's row. Several statements. */
  ensureLanes(asked: readonly LaneAsked[]): Promise<readonly LaneId[]>;

  /**
   * Claims idempotency keys; answers which, by index, are new. For a key that another transaction is claiming it waits
   * for that one's end.
   */
  claimKeys(claims: readonly IdempotencyClaim[]): Promise<ReadonlySet<number>>;
  /** The records of claims that were not new. */
  findKeys(claims: readonly IdempotencyClaim[]): Promise<readonly IdempotencyRecord[]>;

  /** Locks tasks that others are to depend on against changes, in the order of their ids, and tells their states. */
  lockDependencies(refs: readonly TaskRef[]): Promise<readonly (TaskRef & { readonly state: TaskState })[]>;
  /** What contexts are now; unknown ones and those of other tenants are left out. Locks nothing. */
  findContexts(refs: readonly ContextRef[]): Promise<readonly (ContextRef & { readonly standing: ContextStanding })[]>;
  /** Writes tasks with their first events (`task.created`, then that of their state). */
  insertTasks(tasks: readonly NewTask[]): Promise<void>;

  /** Locks the tasks of assignments, in the order of their ids, each with that assignment. Unknown ones are absent. */
  lockByAssignment(ids: readonly { tenantId: TenantId; assignmentId: AssignmentId }[]): Promise<readonly LedgerEntry[]>;
  /** Locks tasks, in the order of their ids, each with its open assignment, if any. Unknown ones are absent. */
  lockByTask(refs: readonly TaskRef[]): Promise<readonly LedgerEntry[]>;
  /** The requirements that tasks were submitted with. */
  requirementsOf(refs: readonly TaskRef[]): Promise<ReadonlyMap<TaskId, Requirements>>;
  /**
   * Writes changes: tasks, assignments, results, answers, events, slots and notices, all or nothing. Every task must
   * still be in the state and at the fence that the change started from. Two statements where there are answers.
   *
   * @throws AppError `conflict` when one is not.
   */
  write(changes: readonly LedgerChange[]): Promise<SlotNews>;

  /** Blocked tasks that wait for one of these, with how many of their dependencies are not completed. */
  findDependents(refs: readonly TaskRef[]): Promise<readonly (TaskRef & { dependsOn: TaskId; open: number })[]>;
  /** Tasks failed for the sake of one of these, and that no cancelled dependency holds back for ever. */
  findFailedDependents(refs: readonly TaskRef[]): Promise<readonly TaskRef[]>;
  /** The dependencies of a task that are not completed, with their states. */
  findOpenDependencies(ref: TaskRef): Promise<ReadonlyMap<TaskId, TaskState>>;

  /** Locks the tasks of assignments and other tasks, all together in the order of their ids. */
  lockTogether(
    assignments: readonly { tenantId: TenantId; assignmentId: AssignmentId }[],
    tasks: readonly TaskRef[],
  ): Promise<void>;
  /** What children inherit from the tasks of assignments, and how much the agents of these have open. */
  findHeritage(
    refs: readonly { tenantId: TenantId; assignmentId: AssignmentId }[],
  ): Promise<ReadonlyMap<TaskId, Heritage>>;
  /** Unfinished tasks that were delegated from these, at any depth. */
  findDescendants(refs: readonly TaskRef[]): Promise<readonly TaskRef[]>;
  /**
   * Tasks that gave up their slot and may have one again: those of `parents` without an unfinished child, and for each
   * of `agents` as many as it has free slots, of those whose children are final, the oldest first. Locks nothing.
   */
  findResumable(asked: ResumeAsked): Promise<readonly TaskRef[]>;
  /** Those of the tasks that have an unfinished child. */
  findOpenParents(refs: readonly TaskRef[]): Promise<ReadonlySet<TaskId>>;
  /** Locks the slots of agents and tells how many are free; fewer than none where the agent's limit sank. */
  lockFreeSlots(agents: readonly AgentSlotRef[]): Promise<ReadonlyMap<AgentId, number>>;
  /** What became of the children of tasks, the oldest first; bounded in number and in bytes of outputs. */
  findChildren(refs: readonly TaskRef[]): Promise<ReadonlyMap<TaskId, readonly ChildResult[]>>;
  /** Tasks of which an agent has an open assignment, or with `offeredOnly` one that it has not accepted yet. */
  findHeld(
    slot: AgentSlotRef,
    which: { readonly offeredOnly: boolean; readonly limit: number },
  ): Promise<readonly TaskRef[]>;

  /** Locks the heads of lanes, `perLane` of each, skipping those that are locked: tenants in turn, best first. */
  lockHeads(lanes: AssignmentScope["lanes"], perLane: number, limit: number): Promise<readonly QueuedTask[]>;
  /**
   * How many agents each lane passes over, by reason: those that do not fit, those that fit but have no free slot, and
   * those that would have to claim and do not; under `claiming` are those that do.
   */
  countPassedOver(lanes: AssignmentScope["lanes"], claiming?: readonly AgentId[]): Promise<readonly PassedOver[]>;
  /** Tells what caps the work of tenants; locks nothing. */
  readCaps(tenants: readonly TenantId[]): Promise<StandingCaps>;
  /** What decides on the caps of queued tasks. */
  findSubjects(refs: readonly TaskRef[]): Promise<readonly TaskSubject[]>;
  /** What lanes require, excluded agents included. */
  laneRequirements(laneIds: readonly LaneId[]): Promise<ReadonlyMap<LaneId, Requirements>>;
  /** Moves queued tasks, which are locked, to other lanes. */
  moveTasks(moves: readonly LaneMove[]): Promise<void>;
  /** Lock limits, and then budgets, in the order of their ids. Deleted ones are absent. */
  lockLimits(ids: readonly LimitId[]): Promise<readonly LimitStanding[]>;
  lockBudgets(ids: readonly BudgetId[]): Promise<readonly BudgetStanding[]>;
  /** Counts assignments that were just taken in their limits, and reserves what they hold back. */
  countHolds(holds: readonly CapHold[]): Promise<void>;
  /** Takes queued tasks, which are locked as their budgets are, out of their lanes. */
  parkTasks(parked: readonly ParkedTask[]): Promise<void>;
  /** Changes what limits count and budgets reserve for assignments, and adds what they cost. Before slots are locked. */
  changeCaps(changes: readonly CapChange[]): Promise<FreedCaps>;
  /** Locks the limits that count these assignments, in the order of ids: before slots, where caps change after them. */
  lockLimitsOf(assignmentIds: readonly AssignmentId[]): Promise<void>;
  /** Adds to the usage of today. */
  addUsage(tries: readonly TryUsage[]): Promise<void>;
  /**
   * Brings the best of the tasks that budgets have parked back, `perBudget` of each that has room, and tells where to look
   * now: their lanes, all lanes of a tenant whose budget has room, agents whose budget has. Several statements.
   */
  unparkTasks(budgets: readonly BudgetRef[], perBudget: number): Promise<Unparked>;
  /**
   * Takes slots and writes assignments with the next fence and seq; a pick whose slot is gone is left out. Gives them in
   * order of seq; an offer is of no age.
   */
  take(picks: readonly SlotPick[], terms: TakeTerms): Promise<readonly TakenSlot[]>;
}

/** What the sweep found to be due, and when the next thing will be. */
export interface DueWork {
  readonly assignments: readonly TaskRef[];
  /** Those of the assignments' tasks that gave up their slot: perhaps they may go on. */
  readonly parked: readonly TaskRef[];
  readonly tasks: readonly TaskRef[];
  /** Lanes that hold a queued task and are fitted by an agent with a free slot: what a dead process left. */
  readonly lanes: AssignmentScope["lanes"];
  /** Budgets that have parked tasks and may have room for them again. */
  readonly budgets: readonly BudgetRef[];
  readonly nextDueAt: Date | undefined;
  readonly now: Date;
}

/** An agent as its claim finds it. */
export interface Claimant {
  /** It claims its tasks: no connection holds it. */
  readonly isPull: boolean;
  readonly admin: AdminState;
  readonly availability: Availability;
  /** Fewer than none where its limit sank. */
  readonly freeSlots: number;
  readonly maxConcurrency: number;
}

/** Where tasks live. */
export interface LedgerStore {
  /** Runs `work` in one transaction over the rows of these tenants. */
  transaction<T>(tenants: readonly TenantId[], work: (tx: LedgerTx) => Promise<T>): Promise<T>;
  /**
   * Agents with a free slot, once for each lane with a waiting task that they fit: those of the scope's lanes, and the
   * scope's agents for all of their lanes. As of now: nothing is locked. `by` says whose slots: of agents that are
   * connected, unless said otherwise, or of those that claim.
   */
  findCandidates(scope: AssignmentScope, limit: number, by?: TakenBy): Promise<readonly Candidate[]>;
  /** What decides whether an agent may claim; undefined where there is none. */
  findClaimant(agent: AgentSlotRef): Promise<Claimant | undefined>;
  /** Assignments of an agent as they stand now, in the order in which they were given; others' are left out. */
  findClaimed(agent: AgentSlotRef, assignmentIds: readonly AssignmentId[]): Promise<readonly ClaimedTask[]>;
  /** The limits that a tenant has set. */
  findLimits(tenantId: TenantId): Promise<readonly LimitRule[]>;
  /** Over all tenants; at most `limit` of each kind. */
  findDue(limit: number): Promise<DueWork>;
  /** JSON schemas of the outputs of tasks, as parsed JSON. */
  findOutputSchemas(refs: readonly TaskRef[]): Promise<ReadonlyMap<TaskId, unknown>>;
}

/** Where something may wait for an agent that claims; or the agents for which it may. */
export type ClaimableScope = Required<Pick<AssignmentScope, "lanes" | "limits" | "agents">>;

/**
 * Told after a commit what came of it, so that whoever waits can look. Hints only: the ledger is the truth, a lost one
 * costs a moment. Must neither throw nor wait.
 */
export interface EngineHints {
  /** Assignments were written for agents of these nodes: those of an agent in order of `seq`. */
  assigned(slots: readonly TakenSlot[]): void;
  /** Something else was put into the mailbox of these agents. */
  mailed(agents: readonly AgentSlotRef[]): void;
  /** Tasks have new events. */
  changed(tasks: readonly TaskRef[]): void;
  /** Something is due at that time that may be earlier than what the sweep knows. */
  due(at: Date): void;
  /**
   * No connected agent takes what may wait in these lanes, and in those of these limits; these agents, which claim, may have
   * something now that they could not have before: whoever waits to claim looks.
   */
  claimable(scope: ClaimableScope): void;
}
