import { contextKey, type TenantId } from "@devmesh/models";
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
 * Removes up to `limit` contexts that are over: first what is found, then the objects. Where S3 is away all of them are
 * tried again in five minutes; for everybody else they are expired already. Gives how many it took on.
 *
 * @throws AppError as documents and S3 say.
 */
export async function removeContexts(
  { removals, documents, deleteObjects }: RemoveContextsDeps,
  { limit, signal }: { readonly limit: number; readonly signal: AbortSignal },
): Promise<number> {
  const claims = await removals.claim(limit, claimMs);
  if (claims.length === 0) return 0;
  for (const [tenantId, ofTenant] of Map.groupBy(claims, (claim) => claim.tenantId)) {
    await removeDocuments(documents, tenantId, ofTenant);
  }
  const failed = new Set(await deleteObjects(claims.map(contextKey), signal));
  const removed = claims.filter((claim) => !failed.has(contextKey(claim)));
  if (removed.length > 0) await removals.settle(removed.map(({ id }) => id));
  return claims.length;
}

async function removeDocuments(
  documents: Pick<ContextDocuments, "remove">,
  tenantId: TenantId,
  claims: readonly RemovedContext[],
): Promise<void> {
  const externalIds = claims.flatMap((claim) => (claim.wasClaimed ? externalIdsOf(claim) : []));
  if (externalIds.length > 0) await documents.remove(tenantId, externalIds);
}
