import { type AppError, contextKey, toAppError } from "@devmesh/models";
import type { ContextRemovals, RemovedContext } from "../ports/context-store.ts";
import { type ContextDocuments, externalIdsOf } from "./context-documents.ts";

/** What removing contexts stands on. */
export interface RemoveContextsDeps {
  readonly removals: ContextRemovals;
  readonly documents: Pick<ContextDocuments, "remove">;
  /** Gives the keys that could not be deleted; those that are not there count as deleted. */
  readonly deleteObjects: (keys: readonly string[], signal: AbortSignal) => Promise<readonly string[]>;
}

/** Longer than a round takes; what one could not remove is tried again after it. */
const claimMs = 300_000;

/**
 * Removes up to `limit` contexts that are over: first what is found, context by context (one may have thousands of
 * chunks), then the objects. What fails is tried again in five minutes, and keeps nothing else; for everybody else they
 * are expired already. Gives how many it took on.
 *
 * @throws AppError as documents and S3 say.
 */
export async function removeContexts(
  { removals, documents, deleteObjects }: RemoveContextsDeps,
  { limit, signal }: { readonly limit: number; readonly signal: AbortSignal },
): Promise<number> {
  const claims = await removals.claim(limit, claimMs);
  const { cleared, failure } = await removeDocuments(documents, claims);
  if (cleared.length > 0) {
    const failed = new Set(await deleteObjects(cleared.map(contextKey), signal));
    const removed = cleared.filter((claim) => !failed.has(contextKey(claim)));
    if (removed.length > 0) await removals.settle(removed.map(({ id }) => id));
  }
  if (failure !== undefined) throw failure;
  return claims.length;
}

/** Those that nothing is found of any more, and the last failure. Without a database the others are not even tried. */
async function removeDocuments(
  documents: Pick<ContextDocuments, "remove">,
  claims: readonly RemovedContext[],
): Promise<{ readonly cleared: readonly RemovedContext[]; readonly failure: AppError | undefined }> {
  const cleared: RemovedContext[] = [];
  let failure: AppError | undefined;
  for (const claim of claims) {
    if (failure?.code === "unavailable") break;
    try {
      if (claim.wasClaimed) await documents.remove(claim.tenantId, externalIdsOf(claim));
      cleared.push(claim);
    } catch (caught) {
      failure = toAppError(caught);
    }
  }
  return { cleared, failure };
}
