import type { Principal } from "@devmesh/auth";
import { askerOf } from "@devmesh/memory";
import type { ResourceDeps } from "./resource-deps.ts";
import { missingScopes, type ResourceRef, usagePeriods } from "./resource-uri.ts";

/** What is looked through: the latest. */
const maxLooked = 100;

/** Values that may stand in a URI of this kind and begin as `typed` does, the latest first; none for who may not read it. */
export async function completeResource(
  deps: Pick<ResourceDeps, "taskReads" | "agents" | "knowledge">,
  principal: Principal,
  { kind, typed }: { readonly kind: ResourceRef["kind"]; readonly typed: string },
): Promise<string[]> {
  if (missingScopes(principal, { kind }).length > 0) return [];
  const values = await valuesOf(deps, principal, kind);
  return values.filter((value) => value.toLowerCase().startsWith(typed.toLowerCase()));
}

async function valuesOf(
  { taskReads, agents, knowledge }: Pick<ResourceDeps, "taskReads" | "agents" | "knowledge">,
  principal: Principal,
  kind: ResourceRef["kind"],
): Promise<readonly string[]> {
  const { tenantId, agentName } = principal;
  switch (kind) {
    case "task":
    case "task_log":
      return (await taskReads.list(tenantId, {}, { limit: maxLooked })).map(({ id }) => id);
    case "agent":
      return (await agents.list(tenantId, {}, { limit: maxLooked })).map(({ name }) => encodeURIComponent(name));
    case "inbox":
      if (agentName !== undefined) return [encodeURIComponent(agentName)];
      return valuesOf({ taskReads, agents, knowledge }, principal, "agent");
    case "entry":
      return (await knowledge.list(askerOf(principal), {}, { limit: maxLooked, after: undefined })).map(({ id }) => id);
    case "usage":
      return usagePeriods;
  }
}
