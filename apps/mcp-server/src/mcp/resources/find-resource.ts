import type { Principal } from "@devmesh/auth";
import { noEntry } from "@devmesh/embedding";
import { askerOf } from "@devmesh/memory";
import { type Agent, AppError, type KnowledgeEntry, reservedAgentName } from "@devmesh/models";
import type { ResourceDeps } from "./resource-deps.ts";
import { missingScopes, type ResourceRef } from "./resource-uri.ts";

type Named<Kind extends ResourceRef["kind"]> = Extract<ResourceRef, { readonly kind: Kind }>;

/** @throws AppError `permission_denied`, reason `missing_scope`. */
export function assertMayRead(principal: Principal, ref: ResourceRef): void {
  const [missing] = missingScopes(principal, ref);
  if (missing === undefined) return;
  throw new AppError("permission_denied", `the credential lacks the scope ${missing}`, { reason: "missing_scope" });
}

/**
 * The agent of a resource; of an inbox, one that the credential may be.
 *
 * @throws AppError `not_found`, also for an inbox of another agent than the one that the credential is bound to.
 */
export async function findAgent(
  { agents }: Pick<ResourceDeps, "agents">,
  principal: Principal,
  { kind, agent: idOrName }: Named<"agent" | "inbox">,
): Promise<Agent> {
  const agent = await agents.find(principal.tenantId, idOrName);
  const isHidden = kind === "inbox" && !mayBe(principal, agent?.name);
  if (agent === undefined || isHidden) throw new AppError("not_found", `no agent ${JSON.stringify(idOrName)}`);
  return agent;
}

/** The mesh's own agent is nobody's. */
function mayBe({ agentName }: Principal, name: string | undefined): boolean {
  return name !== reservedAgentName && (agentName === undefined || agentName === name);
}

/** @throws AppError `not_found` for an entry that the credential does not see, too. */
export async function findEntry(
  { knowledge }: Pick<ResourceDeps, "knowledge">,
  principal: Principal,
  { id }: Named<"entry">,
): Promise<KnowledgeEntry> {
  const entry = await knowledge.find(askerOf(principal), id);
  if (entry === undefined) throw noEntry(id);
  return entry;
}
