import { AppError, type ContextId, type ContextStanding } from "@devmesh/models";
import type { ContextRef, LedgerTx } from "../store.ts";
import type { Draft } from "./new-task.ts";

/** What contexts are, by {@link keyOf}. Unknown ones, and those of other tenants, are absent. */
export type Contexts = ReadonlyMap<string, ContextStanding>;

/** Finds what is referred to; no statement where nothing is. */
export async function findContexts(
  tx: Pick<LedgerTx, "findContexts">,
  drafts: readonly (Draft | { readonly error: AppError })[],
): Promise<Contexts> {
  const refs = drafts.flatMap((draft) => ("error" in draft ? [] : contextsOf(draft)));
  if (refs.length === 0) return new Map();
  const found = await tx.findContexts(refs);
  return new Map(found.map((one) => [keyOf(one), one.standing]));
}

/**
 * Refuses a task that refers to what can't be read.
 *
 * @throws AppError `invalid_argument` naming the first such by its index: unknown, of another tenant, not uploaded, expired.
 */
export function assertReadable(draft: Draft, contexts: Contexts): void {
  for (const [index, ref] of contextsOf(draft).entries()) {
    const standing = contexts.get(keyOf(ref));
    if (standing === "ready") continue;
    const path = `contexts[${index}]`;
    const message = problemOf(ref.contextId, standing);
    throw new AppError("invalid_argument", `${path}: ${message}`, { details: [{ path, message }] });
  }
}

/** The contexts of a task, each once; ids are folded to lower case. */
export function contextIdsOf({ submission }: Pick<Draft, "submission">): readonly ContextId[] {
  return [...new Set((submission.contexts ?? []).map((id) => id.toLowerCase() as ContextId))];
}

function problemOf(contextId: ContextId, standing: ContextStanding | undefined): string {
  if (standing === undefined) return `no context ${contextId}`;
  return standing === "expired" ? `context ${contextId} has expired` : `context ${contextId} is not uploaded yet`;
}

/** By the index that the sender gave it. */
function contextsOf({ tenantId, submission: { contexts = [] } }: Draft): readonly ContextRef[] {
  return contexts.map((id) => ({ tenantId, contextId: id.toLowerCase() as ContextId }));
}

/** With the tenant: submissions of several are written together. */
function keyOf({ tenantId, contextId }: ContextRef): string {
  return `${tenantId}/${contextId}`;
}
