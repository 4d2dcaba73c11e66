import type { AgentId, AttentionItem, Task, TaskEvent, TaskId, TaskState, TenantId } from "@devmesh/models";
import type { TaskStates } from "@devmesh/runtime";
import type { LaneStanding } from "@devmesh/tasks";
import type { PageKey } from "./http/page.ts";

interface TaskFilter {
  readonly state?: TaskState | undefined;
  readonly type?: string | undefined;
  /** An id or a name. */
  readonly agent?: string | undefined;
  readonly label?: string | undefined;
  readonly parent?: TaskId | undefined;
  /** RFC 3339 UTC; tasks created later than this. */
  readonly createdAfter?: string | undefined;
}

/** What this API asks of the ledger for reading. */
export interface TaskReads extends TaskStates {
  /** Unknown ids, and those of other tenants, are absent. `whole` has input, output and `assignment.why`. */
  get(tenantId: TenantId, taskIds: readonly TaskId[], detail: "whole" | "listed"): Promise<readonly Task[]>;
  /** Newest first. */
  list(
    tenantId: TenantId,
    filter: TaskFilter,
    page: { readonly limit: number; readonly after?: PageKey | undefined },
  ): Promise<readonly Task[]>;
  /** In order of `seq`, from the one after `afterSeq` on. */
  events(tenantId: TenantId, taskId: TaskId, afterSeq: number, limit: number): Promise<readonly TaskEvent[]>;
  /** How the agents stand to the lanes of queued tasks. */
  laneStandings(tenantId: TenantId, taskIds: readonly TaskId[]): Promise<ReadonlyMap<TaskId, LaneStanding>>;
}

/** What waits for a person, the oldest question first. */
export interface AttentionReads {
  list(
    tenantId: TenantId,
    filter: Pick<TaskFilter, "type" | "agent" | "label">,
    page: { readonly limit: number; readonly after?: PageKey | undefined },
  ): Promise<readonly AttentionItem[]>;
}

/** The assignments of an agent that ended within a time, counted by how. */
interface EndedAssignments {
  readonly byState: Readonly<Record<string, number>>;
  /** From the offer to the end, of the completed ones; absent where there is none. */
  readonly meanCompletedMs?: number | undefined;
}

export interface AgentMetrics {
  /** `isPartial`: more ended within the day than are counted, and the numbers are those of the latest. */
  read(
    tenantId: TenantId,
    agentId: AgentId,
  ): Promise<{
    readonly lastHour: EndedAssignments;
    readonly lastDay: EndedAssignments;
    readonly isPartial: boolean;
  }>;
}
