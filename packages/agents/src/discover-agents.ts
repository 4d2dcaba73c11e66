import type { Agent, TenantId } from "@devmesh/models";
import type { AgentFilter, AgentStore, Page } from "./agent-store.ts";

/** One page of agents; without `nextCursor` it is the last. */
export interface DiscoveredAgents {
  readonly agents: readonly Agent[];
  /** Where the next page goes on; absent on the last one. */
  readonly next?: { readonly at: string; readonly id: string };
}

/** Gives a page of the registered agents that pass a filter, the latest registered first. */
export async function discoverAgents(
  store: Pick<AgentStore, "list">,
  tenantId: TenantId,
  { filter, page }: { readonly filter: AgentFilter; readonly page: Page },
): Promise<DiscoveredAgents> {
  // one more than asked tells whether there is another page
  const found = await store.list(tenantId, filter, { ...page, limit: page.limit + 1 });
  const agents = found.slice(0, page.limit);
  const last = agents.at(-1);
  if (found.length <= page.limit || last === undefined) return { agents };
  return { agents, next: { at: last.registeredAt, id: last.id } };
}
