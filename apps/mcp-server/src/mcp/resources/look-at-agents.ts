import type { AgentStore } from "@devmesh/agents";
import type { Agent, TenantId } from "@devmesh/models";
import type { Logger } from "@devmesh/observability";
import type { WatchedResources } from "./watched-resources.ts";

export interface AgentLooksDeps {
  readonly watched: Pick<WatchedResources, "agentsOf" | "changed">;
  readonly agents: Pick<AgentStore, "find">;
  readonly logger: Logger;
}

/** Finds out which watched agents are others now. Disposal ends it. */
export interface AgentLooks extends Disposable {
  /** Something happened in the tenant. Never waits; a tenant without watched agents costs nothing. */
  wake(tenantId: TenantId): void;
}

/** Between two looks at a tenant's agents. Judgement: people look at them. */
const pauseMs = 1_000;

interface Look {
  /** What each watched agent was like when it was last looked at. */
  readonly seen: Map<string, string>;
  /** It is being done, or was less than a second ago: whoever asks has it done once more after that. */
  isBusy: boolean;
  isAsked: boolean;
  timer: NodeJS.Timeout | undefined;
}

/**
 * Hints say that something happened in a tenant, not to whom. The watched agents are read again, once a second at most,
 * and compared: slots, health and connection change without an event of their own.
 */
export function createAgentLooks({ watched, agents, logger }: AgentLooksDeps): AgentLooks {
  const looks = new Map<TenantId, Look>();
  let isOver = false;

  async function lookAt(tenantId: TenantId, { seen }: Look): Promise<void> {
    const ids = watched.agentsOf(tenantId);
    for (const id of seen.keys()) if (!ids.includes(id)) seen.delete(id);
    for (const id of ids) {
      const now = describe(await agents.find(tenantId, id));
      const before = seen.get(id);
      seen.set(id, now);
      // the first look comes of a hint: what it tells of may be this agent
      if (now !== before) watched.changed({ tenantId, kind: "agent", id });
    }
  }

  async function run(tenantId: TenantId, look: Look): Promise<void> {
    look.isBusy = true;
    look.isAsked = false;
    try {
      await lookAt(tenantId, look);
    } catch (err) {
      logger.warn({ err, tenantId }, "watched agents could not be read");
    }
    if (isOver) return;
    look.timer = setTimeout(() => {
      look.isBusy = false;
      if (look.isAsked) void run(tenantId, look);
      else if (watched.agentsOf(tenantId).length === 0) looks.delete(tenantId);
    }, pauseMs);
  }

  return {
    wake(tenantId) {
      if (isOver || watched.agentsOf(tenantId).length === 0) return;
      const look = looks.get(tenantId) ?? { seen: new Map(), isBusy: false, isAsked: true, timer: undefined };
      looks.set(tenantId, look);
      look.isAsked = true;
      if (!look.isBusy) void run(tenantId, look);
    },
    [Symbol.dispose]() {
      isOver = true;
      for (const { timer } of looks.values()) clearTimeout(timer);
      looks.clear();
    },
  };
}

/** All but when it was last seen, which every sign of life changes. */
function describe(agent: Agent | undefined): string {
  if (agent === undefined) return "";
  const { lastSeenAt: _lastSeenAt, load: _load, ...rest } = agent;
  return JSON.stringify(rest);
}
