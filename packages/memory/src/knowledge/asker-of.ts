import { hasScope, type Principal } from "@devmesh/auth";
import type { KnowledgeAsker } from "@devmesh/embedding";

/** What a key sees of its tenant's entries: all where it may do everything, else by its id and its team. */
export function askerOf(principal: Principal): KnowledgeAsker {
  const { tenantId, id, team } = principal;
  return { tenantId, reader: { id, team, isAdmin: hasScope(principal, "admin") } };
}
