import { AppError, type Collection, type TenantId } from "@devmesh/models";
import type { CollectionStore } from "../ports/collection-store.ts";

/**
 * The collections that a request names, by ids or names, each once, in the order named.
 *
 * @throws AppError `not_found` that names those that the tenant does not have.
 */
export async function findCollections(
  { collections }: { readonly collections: Pick<CollectionStore, "findAll"> },
  tenantId: TenantId,
  idsOrNames: readonly string[],
): Promise<readonly Collection[]> {
  const found = await collections.findAll(tenantId, idsOrNames.map(foldId));
  const byRef = new Map(found.flatMap((one) => [[one.id as string, one] as const, [one.name, one] as const]));
  const named = idsOrNames.map((ref, index) => ({ ref, index, collection: byRef.get(ref) ?? byRef.get(foldId(ref)) }));
  const missing = named.filter(({ collection }) => collection === undefined);
  if (missing.length > 0) {
    const details = missing.map(({ ref, index }) => ({
      path: `collections[${index}]`,
      message: `no collection ${ref}`,
    }));
    throw new AppError("not_found", `no collection ${missing.map(({ ref }) => JSON.stringify(ref)).join(", ")}`, {
      details,
    });
  }
  return [...new Set(named.flatMap(({ collection }) => collection ?? []))];
}

/** An id may come in upper case; a name is what it is. */
function foldId(ref: string): string {
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(ref) ? ref.toLowerCase() : ref;
}
