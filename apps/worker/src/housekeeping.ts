import type { NodeStore } from "@devmesh/agents";
import type { Logger } from "@devmesh/observability";
import { runLoop, sleep } from "@devmesh/runtime";

export interface HousekeepingDeps {
  readonly nodes: Pick<NodeStore, "dropDead">;
  /** Removes what is out of date; answers how much it removed, at most a bounded number a call. */
  readonly prune: () => Promise<number>;
  readonly logger: Logger;
}

/** A node's lease is 30 s; this adds a sixth to the time after which its agents count as dropped. */
const dropDeadEveryMs = 5_000;
const pruneEveryMs = 10 * 60_000;
const pruneAgainAfterMs = 1_000;

/** Drops the connections of dead nodes and prunes old rows, each on its own beat, until `signal` aborts. */
export async function keepHouse({ nodes, prune, logger }: HousekeepingDeps, signal: AbortSignal): Promise<void> {
  const dropDead = runLoop({
    name: "drop dead nodes",
    signal,
    logger,
    work: async () => {
      const dropped = await nodes.dropDead();
      if (dropped.length > 0) logger.warn({ agents: dropped.length }, "connections of dead nodes dropped");
      await sleep(dropDeadEveryMs, signal);
    },
  });
  const pruning = runLoop({
    name: "prune",
    signal,
    logger,
    work: async () => {
      const removed = await prune();
      if (removed > 0) logger.info({ rows: removed }, "old rows pruned");
      await sleep(removed > 0 ? pruneAgainAfterMs : pruneEveryMs, signal);
    },
  });
  await Promise.all([dropDead, pruning]);
}
