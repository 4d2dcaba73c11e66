import type { Logger } from "@devmesh/observability";
import type { MemoryDue } from "@devmesh/repositories";
import { type Nudge, runLoop, sleep } from "@devmesh/runtime";

/** What looking stands on. */
export interface LookForMemoryDeps {
  readonly findDue: () => Promise<MemoryDue>;
  /** Of the loops that do what is due. */
  readonly nudges: { readonly [Part in keyof MemoryDue]: Nudge };
  /** The shortest time after which something is due again that a dead worker held: it is looked for as often. */
  readonly leaseMs: number;
  readonly logger: Logger;
}

/** What no hint told of waits no longer, nor than a lease: what is due again, what a dead worker held, hints that got lost. */
const lookEveryMs = 30_000;

/**
 * Wakes who relays documents, imports, keeps contexts and keeps knowledge where something waits for them, until `signal`
 * aborts. One look for all of them: an idle worker asks little of the database.
 */
export async function lookForMemory(
  { findDue, nudges, leaseMs, logger }: LookForMemoryDeps,
  signal: AbortSignal,
): Promise<void> {
  const everyMs = Math.min(lookEveryMs, leaseMs);
  await runLoop({
    name: "look for memory",
    signal,
    logger,
    maxBackoffMs: 5_000,
    work: async () => {
      // each loop has looked for itself when it began
      await sleep(everyMs, signal);
      if (signal.aborted) return;
      const due = await findDue();
      for (const part of Object.keys(nudges) as (keyof MemoryDue)[]) if (due[part]) nudges[part].nudge();
    },
  });
}
