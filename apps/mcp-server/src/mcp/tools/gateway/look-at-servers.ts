import type { Hints } from "@devmesh/adapters";
import type { Tools } from "@devmesh/gateway";
import type { Logger } from "@devmesh/observability";
import { createNudge, runLoop } from "@devmesh/runtime";

export interface LookDeps extends Pick<Tools, "toolChecks" | "toolGateway"> {
  readonly hints: Pick<Hints, "onMcpChanges">;
  /** How often a server is looked at. */
  readonly checkMs: number;
  readonly logger: Logger;
}

/** Servers that a node looks at together. */
const batchSize = 8;
/** What no hint told of is found after so long. */
const idleMs = 30_000;

/**
 * Looks at servers whose time has come: how they do, and which tools they have. Of all nodes one takes a server, and puts its
 * next look off by that. Disposing ends the looks under way.
 */
export async function startLooking(deps: LookDeps): Promise<AsyncDisposable> {
  const { toolChecks, toolGateway, hints, checkMs, logger } = deps;
  const stopping = new AbortController();
  const nudge = createNudge();
  const end = await hints.onMcpChanges((changes) => {
    if (changes.some((change) => "list" in change && change.list === "tools")) nudge.nudge();
  });
  const looking = runLoop({
    name: "look-at-tool-servers",
    signal: stopping.signal,
    logger,
    async work(signal) {
      const due = await toolChecks.claim({ limit: batchSize, againInMs: checkMs });
      await Promise.all(due.map((target) => toolGateway.refresh(target, { signal })));
      if (due.length < batchSize) await nudge.wait(Math.min(idleMs, checkMs), signal);
    },
  });
  return {
    async [Symbol.asyncDispose]() {
      stopping.abort();
      await end();
      await looking;
    },
  };
}
