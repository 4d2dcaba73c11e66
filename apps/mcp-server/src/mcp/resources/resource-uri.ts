import { hasScope, type Principal, type Scope } from "@devmesh/auth";
import { type AgentId, isUuid, type KnowledgeId, type TaskId } from "@devmesh/models";

/** Spans of usage that can be read. */
export const usagePeriods = ["today", "month"] as const;
export type UsagePeriod = (typeof usagePeriods)[number];

/**
 * What a URI of ours names.
 *
 * | URI | |
 * |---|---|
 * | `devmesh://tasks/{id}` | a task |
 * | `devmesh://tasks/{id}/log` | its events |
 * | `devmesh://agents/{agent}` | an agent, by id or name |
 * | `devmesh://agents/{agent}/inbox` | what others sent it |
 * | `devmesh://knowledge/{id}` | an entry of knowledge |
 * | `devmesh://usage/{period}` | what work has cost |
 */
export type ResourceRef =
  | { readonly kind: "task" | "task_log"; readonly id: TaskId }
  | { readonly kind: "agent" | "inbox"; readonly agent: AgentId | string }
  | { readonly kind: "entry"; readonly id: KnowledgeId }
  | { readonly kind: "usage"; readonly period: UsagePeriod };

const scheme = "devmesh:";
const uriPattern = /^devmesh:\/\/([a-z]+)\/([^/?#]{1,400})(\/[a-z]+)?$/;
const agentPattern = /^[A-Za-z0-9._:/-]{1,128}$/;

const parsers: ReadonlyMap<string, (text: string) => ResourceRef | undefined> = new Map([
  ["tasks", byId("task")],
  ["tasks/log", byId("task_log")],
  ["agents", byAgent("agent")],
  ["agents/inbox", byAgent("inbox")],
  ["knowledge", byId("entry")],
  ["usage", byPeriod],
]);

/** Any of them is enough; the first is the one to ask for. */
const scopesByKind: Readonly<Record<ResourceRef["kind"], readonly [Scope, ...Scope[]]>> = {
  task: ["tasks:read"],
  task_log: ["tasks:read"],
  agent: ["agents:read", "agents:connect"],
  inbox: ["agents:connect"],
  entry: ["knowledge:read"],
  usage: ["tasks:read"],
};

/** Undefined for what is no resource of ours. */
export function parseResourceUri(text: string): ResourceRef | undefined {
  const [, path = "", name = "", part = ""] = uriPattern.exec(text) ?? [];
  const decoded = decode(name);
  return decoded === undefined ? undefined : parsers.get(`${path}${part}`)?.(decoded);
}

/** The URI of a resource. */
export function uriOf(ref: ResourceRef): string {
  switch (ref.kind) {
    case "task":
      return `${scheme}//tasks/${ref.id}`;
    case "task_log":
      return `${scheme}//tasks/${ref.id}/log`;
    case "agent":
      return `${scheme}//agents/${encodeURIComponent(ref.agent)}`;
    case "inbox":
      return `${scheme}//agents/${encodeURIComponent(ref.agent)}/inbox`;
    case "entry":
      return `${scheme}//knowledge/${ref.id}`;
    case "usage":
      return `${scheme}//usage/${ref.period}`;
  }
}

/**
 * What the principal lacks to read a resource. An agent is shown to those who may look at agents, and to those who may be
 * one.
 */
export function missingScopes(principal: Pick<Principal, "scopes">, ref: Pick<ResourceRef, "kind">): readonly Scope[] {
  const accepted = scopesByKind[ref.kind];
  return accepted.some((scope) => hasScope(principal, scope)) ? [] : accepted.slice(0, 1);
}

/**
 * What a reader of a URI needs, as far as the URI alone says: nothing for what is none of ours, nor for an agent, of which
 * one of two scopes is enough.
 */
export function scopesOfUri(uri: string): readonly Scope[] {
  const ref = parseResourceUri(uri);
  const accepted = ref === undefined ? [] : scopesByKind[ref.kind];
  return accepted.length === 1 ? accepted : [];
}

function byId<Kind extends "task" | "task_log" | "entry">(kind: Kind): (text: string) => ResourceRef | undefined {
  return (text) => {
    const id = text.toLowerCase();
    // which kind of id goes with which kind is what the table of parsers says
    return isUuid(id) ? ({ kind, id } as ResourceRef) : undefined;
  };
}

function byAgent(kind: "agent" | "inbox"): (text: string) => ResourceRef | undefined {
  return (agent) => (agentPattern.test(agent) ? { kind, agent } : undefined);
}

function byPeriod(text: string): ResourceRef | undefined {
  const period = usagePeriods.find((one) => one === text);
  return period && { kind: "usage", period };
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined; // a stray percent sign: no name of ours
  }
}
