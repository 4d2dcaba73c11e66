import type { AgentId, AssignmentId, BudgetId, LaneId, LimitId, NodeId, TaskId, TenantId } from "./ids.ts";
import type { AssignmentStrategy } from "./requirements.ts";
import type { AssignmentWhy, Task } from "./task.ts";
import type { AssignmentState } from "./task-state.ts";

/** Where assigning looks: lanes that got a task, agents that got a slot, limits and budgets that have room again. */
export interface AssignmentScope {
  readonly lanes: readonly { readonly tenantId: TenantId; readonly laneId: LaneId }[];
  readonly agents: readonly AgentOfScope[];
  readonly limits?: readonly LimitRef[];
  /** What these have parked goes back into its lanes first. */
  readonly budgets?: readonly BudgetRef[];
}

/** An agent that may get something. */
export interface AgentOfScope {
  readonly tenantId: TenantId;
  readonly agentId: AgentId;
  /** Known to be one that claims its tasks: whichever process its claim waits in is told. */
  readonly delivery?: "push" | "pull";
}

/** Names a limit. */
export interface LimitRef {
  readonly tenantId: TenantId;
  readonly limitId: LimitId;
}

/** Names a budget. */
export interface BudgetRef {
  readonly tenantId: TenantId;
  readonly budgetId: BudgetId;
}

/** An agent with a free slot that fits a lane: one row for each lane that it fits. */
export interface Candidate {
  readonly tenantId: TenantId;
  readonly laneId: LaneId;
  readonly agentId: AgentId;
  readonly agentName: string;
  readonly levelGap: number;
  /** Undefined where the agent states no cost. */
  readonly costMicroUsd: number | undefined;
  readonly inFlight: number;
  readonly maxConcurrency: number;
  readonly lastAssignedAt: Date | undefined;
  /** How many tasks it claims at most, where it claims them. */
  readonly claims?: number | undefined;
}

/** A task at the head of its lane, locked for this transaction. */
export interface QueuedTask {
  readonly tenantId: TenantId;
  readonly taskId: TaskId;
  readonly laneId: LaneId;
  readonly strategy: AssignmentStrategy;
  /** Lower comes first. */
  readonly rank: number;
  /** The budgets of the task itself and of the trees that it belongs to. */
  readonly budgetIds: readonly BudgetId[];
}

/** How many agents a lane passes over, by reason. */
export interface PassedOver {
  readonly tenantId: TenantId;
  readonly laneId: LaneId;
  readonly reason: string;
  readonly count: number;
}

/** A task and the agent chosen for it: taken only if the slot is still free when it is written. */
export interface SlotPick {
  readonly tenantId: TenantId;
  readonly taskId: TaskId;
  readonly agentId: AgentId;
  readonly assignmentId: AssignmentId;
  readonly strategy: AssignmentStrategy;
  readonly why: AssignmentWhy;
  /** The lease that its agent asked for, where it claims; that of the terms unless given. */
  readonly leaseMs?: number | undefined;
}

/** What an agent is told of an assignment, beside its ids and its `seq`. */
export interface AssignmentOffer {
  readonly fence: number;
  readonly leaseMs: number;
  readonly acceptMs: number;
  /** How long ago it was assigned, at most, when this was made; undefined where nobody knows. */
  readonly ageMs?: number | undefined;
  /** When that was, by the database's clock: tells the age to who knows that clock. Milliseconds since the epoch. */
  readonly assignedAtMs?: number | undefined;
  /** The whole task, with the outputs of its dependencies and without the reasons of the assignment. */
  readonly task: Task;
  readonly traceparent?: string;
}

/** How long an agent has to accept and then to say something, and whose agents are to hear of it at once. */
export interface TakeTerms {
  readonly acceptMs: number;
  readonly leaseMs: number;
  /** Slots of agents that this node holds come with their offers where they are larger than a hint, too. */
  readonly nodeId?: NodeId | undefined;
  /**
   * How slots are taken. `push`, unless said otherwise: of agents that hold a connection, which are to accept. `claim`:
   * of pull agents, which accept by claiming.
   */
  readonly by?: TakenBy | undefined;
}

/** Who starts an assignment: the mesh, towards a connection, or the agent, by claiming. */
export type TakenBy = "push" | "claim";

/** A task that a pull agent has claimed, whole, as its assignment stands now: accepted, unless it has ended meanwhile. */
export interface ClaimedTask {
  readonly assignmentId: AssignmentId;
  readonly fence: number;
  /** `running` when it was just claimed; a repeated claim shows what became of it. */
  readonly state: AssignmentState;
  readonly leaseMs: number;
  /** RFC 3339; absent where the assignment has ended, or its clock stands still. */
  readonly leaseUntil?: string;
  /** With input, answers, and the outputs of its dependencies; without the reasons of the assignment. */
  readonly task: Task;
  /** Some outputs of its dependencies are left out: those of the whole claim are too much to be held. */
  readonly lacksOutputs?: true;
  readonly traceparent?: string;
}

/** An assignment that was written. `nodeId` is the node that holds the agent's connection. */
export interface TakenSlot {
  readonly tenantId: TenantId;
  readonly taskId: TaskId;
  readonly agentId: AgentId;
  readonly assignmentId: AssignmentId;
  readonly seq: number;
  /** When the sweep has to look at it first. */
  readonly checkAt: Date;
  readonly nodeId: NodeId | undefined;
  /** Absent where it has to be read: where the task is large, or has dependencies or answers. */
  readonly offer?: AssignmentOffer;
}
