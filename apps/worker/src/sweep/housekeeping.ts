import type { Logger } from "@devmesh/observability";
import { runLoop, sleep } from "@devmesh/runtime";

export interface HousekeepingDeps {
  /** Removes what is out of date; answers how much it removed, at most a bounded number a call. */
  readonly prune: () => Promise<number>;
  readonly logger: Logger;
}

const pruneEveryMs = 10 * 60_000;
const pruneAgainAfterMs = 1_000;

/** Prunes old rows until `signal` aborts. */
export async function keepHouse({ prune, logger }: HousekeepingDeps, signal: AbortSignal): Promise<void> {
  await runLoop({
    name: "prune",
    signal,
    logger,
    work: async () => {
      const removed = await prune();
      if (removed > 0) logger.info({ rows: removed }, "old rows pruned");
      await sleep(removed > 0 ? pruneAgainAfterMs : pruneEveryMs, signal);
    },
  });
}
