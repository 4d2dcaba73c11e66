import type { AgentStore, ConnectionRef } from "@devmesh/agents";
import type { Knowledge } from "@devmesh/memory";
import type { AgentId, NewId, TenantId } from "@devmesh/models";
import type { Logger } from "@devmesh/observability";
import type {
  BudgetRepository,
  DeadLetterReads,
  DeadLetterWrites,
  ImportJobs,
  LimitRepository,
  RedriveJobs,
  UsageRepository,
} from "@devmesh/repositories";
import type { TaskWaiters } from "@devmesh/runtime";
import type { TaskEngine } from "@devmesh/tasks";
import type { AgentMetrics, AttentionReads, TaskReads } from "../task-reads.ts";
import type { ContextDeps, MemoryDeps } from "./memory-deps.ts";
import type { ToolDeps } from "./tools/tool-deps.ts";

/** The part of the registry that this API uses. */
type AgentRegistry = Pick<AgentStore, "register" | "update" | "setAdmin" | "deregister" | "find" | "list">;

/** What the routes stand on; each names the part that it uses. */
export interface RouteDeps extends MemoryDeps, ContextDeps, Knowledge, ToolDeps {
  readonly engine: Pick<
    TaskEngine,
    "submit" | "submitBatch" | "answer" | "cancel" | "redrive" | "release" | "requestAssignment"
  >;
  readonly reads: TaskReads;
  readonly attention: AttentionReads;
  readonly agents: AgentRegistry;
  readonly agentMetrics: AgentMetrics;
  /** The connection that an agent has now, if any. */
  readonly findConnection: (tenantId: TenantId, agentId: AgentId) => Promise<ConnectionRef | undefined>;
  /** Asks the node that holds a connection to close it. A hint: the node finds out by itself, too. */
  readonly closeConnection: (connection: ConnectionRef, code: number, reason: string) => void;
  readonly deadLetters: DeadLetterReads;
  readonly deadLetterWrites: DeadLetterWrites;
  readonly redriveJobs: RedriveJobs;
  /** Tells the worker that something is to be redriven, stopped or purged. */
  readonly nudgeRedrives: () => void;
  /** Told how a redrive on demand ended. */
  readonly onRedrive: (outcome: "redriven" | "refused") => void;
  /** Tells the relay that the outbox has something. */
  readonly nudgeOutbox: () => void;
  readonly imports: ImportJobs;
  /** Tells the workers that an import waits, or is to be cancelled. */
  readonly nudgeImports: () => void;
  readonly limits: LimitRepository;
  readonly budgets: BudgetRepository;
  readonly usage: UsageRepository;
  readonly waiters: TaskWaiters;
  readonly newId: NewId;
  /** Aborts when the service stops: what waits ends. */
  readonly stopping: AbortSignal;
  readonly keepAliveMs: number;
  readonly logger: Logger;
}
