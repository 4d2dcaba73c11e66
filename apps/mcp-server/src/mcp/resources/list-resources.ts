import type { Principal } from "@devmesh/auth";
import { askerOf } from "@devmesh/memory";
import { AppError, isFinal } from "@devmesh/models";
import type { Resource } from "@modelcontextprotocol/server";
import type { ResourceDeps } from "./resource-deps.ts";
import { missingScopes, type ResourceRef, uriOf } from "./resource-uri.ts";

const json = "application/json";
/** Of each kind, the latest: a list that a person looks through. What is older has a URI all the same. Judgement. */
const maxListed = 100;

/** One page: all that is listed of one kind. */
interface Section {
  readonly name: string;
  /** What must be readable, or the section is left out. */
  readonly kind: ResourceRef["kind"];
  list(deps: ResourceDeps, principal: Principal): Promise<readonly Resource[]>;
}

const sections: readonly [Section, ...Section[]] = [
  { name: "usage", kind: "usage", list: async () => [usageOf("today"), usageOf("month")] },
  { name: "agents", kind: "agent", list: listAgents },
  { name: "tasks", kind: "task", list: listTasks },
  { name: "knowledge", kind: "entry", list: listEntries },
];

/** A page of what can be read, and where the next begins. */
export interface ResourcePage {
  readonly resources: readonly Resource[];
  readonly nextCursor?: string;
}

/**
 * Lists what is useful to find by looking: usage, the latest agents, tasks that go on, the latest entries, a kind a page.
 * Names are what others gave; descriptions are our own words alone.
 *
 * @throws AppError `invalid_argument` for a cursor that no page gave.
 */
export async function listResources(
  deps: ResourceDeps,
  principal: Principal,
  cursor: string | undefined,
): Promise<ResourcePage> {
  const open = sections.filter(({ kind }) => missingScopes(principal, { kind }).length === 0);
  const at = cursor === undefined ? 0 : open.findIndex(({ name }) => name === cursor);
  if (at < 0) {
    const message = "is none that a page gave";
    throw new AppError("invalid_argument", `cursor: ${message}`, { details: [{ path: "cursor", message }] });
  }
  const next = open[at + 1];
  const resources = (await open[at]?.list(deps, principal)) ?? [];
  return { resources, ...(next !== undefined && { nextCursor: next.name }) };
}

async function listAgents({ agents }: ResourceDeps, { tenantId }: Principal): Promise<readonly Resource[]> {
  const found = await agents.list(tenantId, {}, { limit: maxListed });
  return found.map(({ id, name, kind, connection }) => ({
    uri: uriOf({ kind: "agent", agent: id }),
    name,
    description: `Agent, ${kind}, ${connection}`,
    mimeType: json,
  }));
}

async function listTasks({ taskReads }: ResourceDeps, { tenantId }: Principal): Promise<readonly Resource[]> {
  const found = await taskReads.list(tenantId, {}, { limit: maxListed });
  return found
    .filter(({ state }) => !isFinal(state))
    .map(({ id, title, type, state }) => ({
      uri: uriOf({ kind: "task", id }),
      name: title ?? type,
      description: `Task, ${state}`,
      mimeType: json,
    }));
}

async function listEntries({ knowledge }: ResourceDeps, principal: Principal): Promise<readonly Resource[]> {
  const found = await knowledge.list(askerOf(principal), {}, { limit: maxListed, after: undefined });
  return found.map(({ id, title }) => ({
    uri: uriOf({ kind: "entry", id }),
    name: title,
    description: "Knowledge",
    mimeType: json,
  }));
}

function usageOf(period: "today" | "month"): Resource {
  const name = period === "today" ? "Usage today" : "Usage this month";
  return {
    uri: uriOf({ kind: "usage", period }),
    name,
    description: "What work has cost, by agent and model",
    mimeType: json,
  };
}
