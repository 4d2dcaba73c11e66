import type { Hints } from "@devmesh/adapters";
import type { Tools } from "@devmesh/gateway";
import type { TenantId } from "@devmesh/models";
import type { Logger } from "@devmesh/observability";
import type { DueServer } from "@devmesh/repositories";
import { createNudge, runLoop } from "@devmesh/runtime";

export interface LookDeps extends Pick<Tools, "toolChecks" | "toolGateway"> {
  readonly hints: Pick<Hints, "onMcpChanges">;
  /** How often a server is looked at. */
  readonly checkMs: number;
  readonly logger: Logger;
}

/** Looks of a node at once: some of them may hang. */
const maxLooks = 16;
/** Looks that are taken on together: so many more than it may a tenant can have, at most. */
const looksPerClaim = 4;
const maxLooksOfTenant = 8;
/** What no hint told of is found after so long. */
const idleMs = 60_000;

/**
 * Looks at servers whose time has come: how they do, and which tools they have. Of all nodes one takes a server, and puts its
 * next look off by that. Disposing ends the looks under way.
 */
export async function startLooking(deps: LookDeps): Promise<AsyncDisposable> {
  const { toolChecks, toolGateway, hints, checkMs, logger } = deps;
  const stopping = new AbortController();
  const nudge = createNudge();
  const end = await hints.onMcpChanges((changes) => {
    if (changes.some(({ list }) => list === "tools")) nudge.nudge();
  });
  const underWay = new Map<Promise<unknown>, TenantId>();

  function look(target: DueServer, signal: AbortSignal): void {
    const ended = toolGateway
      .refresh(target, { signal })
      .catch((err: unknown) => logger.info({ err }, "a look at a tool server was not kept"))
      .finally(() => {
        underWay.delete(ended);
        nudge.nudge();
      });
    underWay.set(ended, target.tenantId);
  }

  const looking = runLoop({
    name: "look-at-tool-servers",
    signal: stopping.signal,
    logger,
    async work(signal) {
      const limit = Math.min(looksPerClaim, maxLooks - underWay.size);
      const except = crowded(underWay.values());
      const due = limit === 0 ? [] : await toolChecks.claim({ limit, againInMs: checkMs, except });
      for (const target of due) look(target, signal);
      if (due.length < limit || limit === 0) await nudge.wait(Math.min(idleMs, checkMs), signal);
    },
  });
  return {
    async [Symbol.asyncDispose]() {
      stopping.abort();
      await end();
      await looking;
      await Promise.all(underWay.keys());
    },
  };
}

/** Tenants of which so much is looked at that others come first. */
function crowded(tenants: Iterable<TenantId>): readonly TenantId[] {
  const counts = Map.groupBy(tenants, (tenantId) => tenantId);
  return [...counts].flatMap(([tenantId, looks]) => (looks.length >= maxLooksOfTenant ? [tenantId] : []));
}
