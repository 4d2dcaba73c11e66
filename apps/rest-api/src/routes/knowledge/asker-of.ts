import { hasScope, type Principal } from "@devmesh/auth";
import type { KnowledgeAsker } from "@devmesh/embedding";
import { type KnowledgeId, parseId } from "@devmesh/models";

/** What a key sees of its tenant's entries: all where it may do everything, else by its id and its team. */
export function askerOf(principal: Principal): KnowledgeAsker {
  const { tenantId, id, team } = principal;
  return { tenantId, reader: { id, team, isAdmin: hasScope(principal, "admin") } };
}

/** The entry that a path names. @throws AppError `not_found` for what is no id. */
export function entryIdOf(params: Readonly<Record<string, string>>): KnowledgeId {
  return parseId<KnowledgeId>(params["id"] ?? "", "entry");
}
