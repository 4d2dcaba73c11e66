import type { AgentStore } from "@devmesh/agents";
import type { KnowledgeStore } from "@devmesh/embedding";
import type { AgentId, TenantId } from "@devmesh/models";
import type { UsageRepository } from "@devmesh/repositories";
import type { TaskReads } from "../../stores.ts";

/** What resources are read from. */
export interface ResourceDeps {
  readonly taskReads: TaskReads;
  readonly agents: Pick<AgentStore, "find" | "list">;
  readonly knowledge: Pick<KnowledgeStore, "find" | "list">;
  readonly usage: UsageRepository;
  /** What waits in an agent's mailbox, oldest first, as `inbox_fetch` shows it; what was acknowledged is not there. */
  readonly readInbox: (
    ref: { readonly tenantId: TenantId; readonly agentId: AgentId },
    limit: number,
  ) => Promise<readonly object[]>;
  readonly today: () => Date;
}
