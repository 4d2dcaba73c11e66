import type { PullStore } from "@devmesh/agents";
import type { AgentId, TenantId } from "@devmesh/models";

/** An agent, and whose it is. */
export interface AgentRef {
  readonly tenantId: TenantId;
  readonly agentId: AgentId;
}

/** Keeps agents present that act by calls alone. */
export interface PullPresence {
  /** How long an agent is present after its last sign of life. */
  readonly presenceMs: number;
  /** A sign of life: written where the last that this node wrote is a while ago. */
  renew(ref: AgentRef): Promise<void>;
  /** Gives what `done` gives; until then the agent stays present, however long it waits. */
  during<T>(ref: AgentRef, done: Promise<T>): Promise<T>;
  /** Notes that one was written just now. */
  noteRenewed(ref: AgentRef): void;
}

/** Agents of which a node remembers when it last wrote; past it the one written first is forgotten, and written again. */
const maxRemembered = 10_000;

/** When signs of life are written, and who hears of those after which an agent is there again. */
export interface PullPresenceOptions {
  readonly presenceMs: number;
  /** Milliseconds, rising. */
  readonly now: () => number;
  /** An agent may be back that was away: that is an event. Never waits. */
  readonly onBack: () => void;
}

/** Writes at most once in a quarter of the presence for each agent, so that calls cost no write of their own. */
export function createPullPresence(
  pull: Pick<PullStore, "heartbeat">,
  { presenceMs, now, onBack }: PullPresenceOptions,
): PullPresence {
  const renewedAt = new Map<string, number>();

  function noteRenewed({ agentId }: AgentRef): void {
    renewedAt.delete(agentId);
    renewedAt.set(agentId, now());
    if (renewedAt.size <= maxRemembered) return;
    const [first] = renewedAt.keys();
    if (first !== undefined) renewedAt.delete(first);
  }

  async function renew(ref: AgentRef): Promise<void> {
    const at = renewedAt.get(ref.agentId);
    if (at !== undefined && now() - at < presenceMs / 4) return;
    // of calls that come together one writes
    noteRenewed(ref);
    try {
      await pull.heartbeat(ref, { presenceMs });
      if (at === undefined || now() - at >= presenceMs) onBack();
    } catch (error) {
      renewedAt.delete(ref.agentId);
      throw error;
    }
  }

  return {
    presenceMs,
    noteRenewed,
    renew,
    async during(ref, done) {
      // what fails is written by the next; with the usual presence no call waits for so long
      const timer = setInterval(() => void renew(ref).catch(() => undefined), presenceMs / 4);
      try {
        return await done;
      } finally {
        clearInterval(timer);
      }
    },
  };
}
