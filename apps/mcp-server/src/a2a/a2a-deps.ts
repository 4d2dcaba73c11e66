import type { AgentStore } from "@devmesh/agents";
import type { NewId, Task, TaskEvent, TaskId, TaskState, TenantId } from "@devmesh/models";
import type { TaskStates, TaskWaiters } from "@devmesh/runtime";
import type { LedgerStore, TaskEngine } from "@devmesh/tasks";

/** What the A2A door asks of the ledger for reading. */
export interface A2aReads extends TaskStates {
  /** Unknown ids, and those of other tenants, are absent. */
  get(tenantId: TenantId, taskIds: readonly TaskId[], detail: "whole" | "listed"): Promise<readonly Task[]>;
  /** Newest first. */
  list(
    tenantId: TenantId,
    filter: { readonly state?: TaskState | undefined; readonly label?: string | undefined },
    page: { readonly limit: number; readonly after?: { readonly at: string; readonly id: string } | undefined },
  ): Promise<readonly Task[]>;
  /** In order of `seq`, from the one after `afterSeq` on. */
  events(tenantId: TenantId, taskId: TaskId, afterSeq: number, limit: number): Promise<readonly TaskEvent[]>;
}

/** What the agents of A2A stand on. */
export interface A2aDeps {
  readonly engine: Pick<TaskEngine, "submit" | "answer" | "cancel">;
  readonly ledger: Pick<LedgerStore, "transaction">;
  readonly agents: Pick<AgentStore, "find">;
  readonly reads: A2aReads;
  readonly waiters: Pick<TaskWaiters, "watch">;
  /** Tells the relay that events wait to be numbered. */
  readonly nudgeOutbox: () => void;
  readonly newId: NewId;
}
