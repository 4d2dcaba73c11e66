import type { AgentStore, NodeStore, Page, SubscriptionStore } from "@devmesh/agents";
import type {
  AgentId,
  AssignmentId,
  AssignmentOffer,
  EventCursor,
  Task,
  TaskEvent,
  TaskId,
  TaskState,
  TenantId,
} from "@devmesh/models";
import type { TaskViewReads } from "@devmesh/tasks";

/** What has to be sent to an agent: a task that it was given, or a frame of its mailbox. */
export type DeliveryFrame = {
  readonly tenantId: TenantId;
  readonly agentId: AgentId;
  readonly seq: number;
} & (
  | ({
      readonly kind: "assign";
      readonly assignmentId: AssignmentId;
      /** What its dependencies resulted in is more than any message may hold: it was not read. */
      readonly isTooLarge?: true;
    } & AssignmentOffer)
  /** The last of an agent: from here on it is to be read again, for all that is read at once is enough. */
  | { readonly kind: "later" }
  | { readonly kind: "mail"; readonly type: number; readonly payload: Readonly<Record<string, unknown>> }
);

export type AssignFrame = Extract<DeliveryFrame, { readonly kind: "assign" }>;

/** From where on an agent's frames are asked for. */
export interface DeliveryAsked {
  readonly tenantId: TenantId;
  readonly agentId: AgentId;
  /** Exclusive. */
  readonly afterSeq: number;
  /** Leaves out the TASK_CANCEL of an assignment whose TASK_ASSIGN lies behind `afterSeq` too and has ended. */
  readonly resume: boolean;
}

export interface DeliveryStore {
  /**
   * In order of `seq` for each agent, at most `limit` frames an agent, nothing after a MiB of messages and inputs, and of all
   * together a bounded amount of what tasks depend on.
   */
  findFrames(agents: readonly DeliveryAsked[], limit: number): Promise<readonly DeliveryFrame[]>;
}

/** Which tasks are listed. All that are given must hold. */
export interface TaskFilter {
  readonly state?: TaskState | undefined;
  readonly type?: string | undefined;
  /** An id or a name. */
  readonly agent?: string | undefined;
  readonly label?: string | undefined;
  readonly parent?: TaskId | undefined;
}

export interface TaskReads extends TaskViewReads {
  /** Newest first, without input, output and `assignment.why`. */
  list(tenantId: TenantId, filter: TaskFilter, page: Page): Promise<readonly Task[]>;
  /** In order of `seq`, from the one after `afterSeq` on. */
  events(tenantId: TenantId, taskId: TaskId, afterSeq: number, limit: number): Promise<readonly TaskEvent[]>;
  /** `eventSeq`: of the latest event. Unknown tasks are absent. */
  states(
    refs: readonly { readonly tenantId: TenantId; readonly taskId: TaskId }[],
  ): Promise<ReadonlyMap<TaskId, { readonly state: TaskState; readonly eventSeq: number }>>;
}

/** An event of a tenant, at its place among all of them. */
export interface PlacedEvent {
  readonly cursor: EventCursor;
  readonly event: {
    readonly id: string;
    readonly type: string;
    readonly at: string;
    /** The id of the task or the agent. */
    readonly subject: string;
    readonly data: Readonly<Record<string, unknown>>;
  };
}

export interface EventStore {
  /** The next behind `after`, in order; none ever appears before one that was read. */
  read(tenantId: TenantId, after: EventCursor, limit: number): Promise<readonly PlacedEvent[]>;
}

/** What the server keeps in the database. */
export interface ServerStores {
  readonly agents: AgentStore;
  readonly nodes: NodeStore;
  readonly deliveries: DeliveryStore;
  readonly taskReads: TaskReads;
  readonly subscriptions: SubscriptionStore;
  readonly events: EventStore;
}
