import type { ClaimedContext, ContextDigests } from "@devmesh/embedding";
import { type DigestDeps, digestContext, type RemoveContextsDeps, removeContexts } from "@devmesh/embedding";
import type { CounterMetric, Logger } from "@devmesh/observability";
import { type Nudge, runLoop } from "@devmesh/runtime";

/** What contexts are kept with. */
export interface KeepContextsDeps {
  readonly digest: Omit<DigestDeps, "digests"> & { readonly digests: ContextDigests };
  readonly removal: RemoveContextsDeps;
  /** Something is to be made, and something is to be removed. */
  readonly nudges: { readonly digests: Nudge; readonly removals: Nudge };
  readonly digested: CounterMetric<"outcome">;
  readonly removed: CounterMetric<never>;
  readonly logger: Logger;
}

/** Contexts that one worker works on at a time: each is at most 4 MiB in memory. */
const digestsAtOnce = 2;
/** One must be over before somebody else may take it for lost. */
const digestClaimMs = 300_000;
const digestLimitMs = 240_000;
const removalsAtOnce = 100;
/** What no hint told of, the look at everything finds (`look-for-memory.ts`). */
const idleMs = 600_000;

/**
 * Makes summaries and documents of contexts, and removes those that are over, until `signal` aborts. Any number of workers
 * do it side by side: each takes what no other has. What was in hand when one dies is taken again after five minutes.
 */
export async function keepContexts(deps: KeepContextsDeps, signal: AbortSignal): Promise<void> {
  const { logger } = deps;
  const loop = { signal, logger, maxBackoffMs: 5_000 };
  await Promise.all([
    runLoop({ ...loop, name: "digest contexts", work: () => digestDue(deps, signal) }),
    runLoop({ ...loop, name: "remove contexts", work: () => removeDue(deps, signal) }),
  ]);
}

async function digestDue(deps: KeepContextsDeps, signal: AbortSignal): Promise<void> {
  const claims = await deps.digest.digests.claim(digestsAtOnce, digestClaimMs);
  await Promise.all(claims.map((claim) => digestOne(deps, claim, signal)));
  if (claims.length === 0) await deps.nudges.digests.wait(idleMs, signal);
}

async function digestOne(deps: KeepContextsDeps, claim: ClaimedContext, signal: AbortSignal): Promise<void> {
  const { digest, digested, logger } = deps;
  const ends = AbortSignal.any([signal, AbortSignal.timeout(digestLimitMs)]);
  const outcome = await digestContext(digest, claim, ends);
  digested.inc({ outcome });
  const told = { contextId: claim.id, outcome, tries: claim.tries };
  if (outcome !== "done") logger.info(told, "context has no summary or embedding yet");
}

async function removeDue({ removal, removed, nudges }: KeepContextsDeps, signal: AbortSignal): Promise<void> {
  const count = await removeContexts(removal, { limit: removalsAtOnce, signal });
  removed.inc(count);
  if (count === 0) await nudges.removals.wait(idleMs, signal);
}
