import type {
  AgentId,
  AssignmentId,
  AssignmentScope,
  Candidate,
  IdempotencyClaim,
  IdempotencyRecord,
  LaneId,
  LedgerChange,
  LedgerEntry,
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

/** Names a task. */
export interface TaskRef {
  readonly tenantId: TenantId;
  readonly taskId: TaskId;
}

/** Names the slots of an agent. */
export interface AgentSlotRef {
  readonly tenantId: TenantId;
  readonly agentId: AgentId;
}

/** Asks for the lane of some requirements. */
export interface LaneAsked {
  readonly tenantId: TenantId;
  readonly requirements: Requirements;
}

/** What the engine must be able to do inside one transaction. Every method is one statement unless it says otherwise. */
export interface LedgerTx {
  /** The database's time at the beginning of the transaction. */
  readonly now: Date;

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
  lockDependencies(refs: readonly TaskRef[]): Promise<ReadonlyMap<TaskId, TaskState>>;
  /** Writes tasks with their first events (`task.created`, then that of their state). */
  insertTasks(tasks: readonly NewTask[]): Promise<void>;

  /** Locks the tasks of assignments, in the order of their ids, each with that assignment. Unknown ones are absent. */
  lockByAssignment(ids: readonly { tenantId: TenantId; assignmentId: AssignmentId }[]): Promise<readonly LedgerEntry[]>;
  /** Locks tasks, in the order of their ids, each with its open assignment, if any. Unknown ones are absent. */
  lockByTask(refs: readonly TaskRef[]): Promise<readonly LedgerEntry[]>;
  /** The requirements that tasks were submitted with. */
  requirementsOf(refs: readonly TaskRef[]): Promise<ReadonlyMap<TaskId, Requirements>>;
  /**
   * Writes changes: tasks, assignments, results, events, slots and notices, all or nothing. Every task must still be in
   * the state and at the fence that the change started from.
   *
   * @throws AppError `conflict` when one is not.
   */
  write(changes: readonly LedgerChange[]): Promise<void>;

  /** Blocked tasks that wait for one of these, with how many of their dependencies are not completed. */
  findDependents(refs: readonly TaskRef[]): Promise<readonly (TaskRef & { dependsOn: TaskId; open: number })[]>;
  /** Tasks failed for the sake of one of these, and that no cancelled dependency holds back for ever. */
  findFailedDependents(refs: readonly TaskRef[]): Promise<readonly TaskRef[]>;
  /** The dependencies of a task that are not completed, with their states. */
  findOpenDependencies(ref: TaskRef): Promise<ReadonlyMap<TaskId, TaskState>>;
  /** Unfinished tasks delegated from these. */
  findOpenChildren(refs: readonly TaskRef[]): Promise<readonly TaskRef[]>;
  /** Tasks of which an agent holds an open assignment. */
  findHeld(slot: AgentSlotRef, limit: number): Promise<readonly TaskRef[]>;

  /** Locks the heads of lanes, `perLane` of each, skipping those that are locked: best first over all. */
  lockHeads(lanes: AssignmentScope["lanes"], perLane: number, limit: number): Promise<readonly QueuedTask[]>;
  /** How many agents each lane passes over, by reason: those that do not fit, and those that fit but have no free slot. */
  countPassedOver(lanes: AssignmentScope["lanes"]): Promise<readonly PassedOver[]>;
  /** Takes slots and writes assignments with the next fence and seq; a pick whose slot is gone is left out. */
  take(picks: readonly SlotPick[], windows: { acceptMs: number; leaseMs: number }): Promise<readonly TakenSlot[]>;
}

/** What the sweep found to be due, and when the next thing will be. */
export interface DueWork {
  readonly assignments: readonly TaskRef[];
  readonly tasks: readonly TaskRef[];
  /** Lanes that hold a queued task and are fitted by an agent with a free slot: what a dead process left. */
  readonly lanes: AssignmentScope["lanes"];
  readonly nextDueAt: Date | undefined;
  readonly now: Date;
}

/** Where tasks live. */
export interface LedgerStore {
  /** Runs `work` in one transaction over the rows of these tenants. */
  transaction<T>(tenants: readonly TenantId[], work: (tx: LedgerTx) => Promise<T>): Promise<T>;
  /**
   * Agents with a free slot, once for each lane with a waiting task that they fit: those of the scope's lanes, and the
   * scope's agents for all of their lanes. As of now: nothing is locked.
   */
  findCandidates(scope: AssignmentScope, limit: number): Promise<readonly Candidate[]>;
  /** Over all tenants; at most `limit` of each kind. */
  findDue(limit: number): Promise<DueWork>;
  /** JSON schemas of the outputs of tasks, as parsed JSON. */
  findOutputSchemas(refs: readonly TaskRef[]): Promise<ReadonlyMap<TaskId, unknown>>;
}

/**
 * Told after a commit what came of it, so that whoever waits can look. Hints only: the ledger is the truth, a lost one
 * costs a moment. Must neither throw nor wait.
 */
export interface EngineHints {
  /** Assignments were written for agents of these nodes. */
  assigned(slots: readonly TakenSlot[]): void;
  /** Something else was put into the mailbox of these agents. */
  mailed(agents: readonly AgentSlotRef[]): void;
  /** Tasks have new events. */
  changed(tasks: readonly TaskRef[]): void;
  /** Something is due at that time that may be earlier than what the sweep knows. */
  due(at: Date): void;
}
