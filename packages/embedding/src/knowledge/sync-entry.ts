import type { KnowledgeId, NewDocument, TenantId } from "@devmesh/models";
import type { KnowledgeSync, UnsyncedEntry } from "../ports/knowledge-store.ts";

/** Documents of tenants' collections of kind `knowledge`. */
export interface KnowledgeDocuments {
  /** Makes the document, or writes its next version; makes the collection where there is none. */
  write(tenantId: TenantId, document: NewDocument): Promise<void>;
  /** Also where there is none. */
  remove(tenantId: TenantId, externalId: string): Promise<void>;
}

/** What keeps entries and their documents together. */
export interface SyncDeps {
  readonly sync: KnowledgeSync;
  readonly documents: KnowledgeDocuments;
}

/** Longer than writing a document takes; after it somebody else may try. */
const claimMs = 30_000;

/**
 * Writes an entry's document, until it is that of the present version. Where somebody else is at it, they do. What fails
 * is done by {@link syncStale} later.
 */
export async function syncEntry(deps: SyncDeps, tenantId: TenantId, id: KnowledgeId): Promise<void> {
  for (
    let entry = await deps.sync.claim(tenantId, id, claimMs);
    entry !== undefined;
    entry = await deps.sync.claim(tenantId, id, claimMs)
  ) {
    await carryOver(deps, entry);
  }
}

/**
 * Does what whoever wrote an entry could not: died, or had no database. One that fails holds up no other. Gives how many
 * entries it was.
 *
 * @throws the first failure, after all had their turn.
 */
export async function syncStale(deps: SyncDeps, limit: number): Promise<number> {
  const entries = await deps.sync.claimStale(limit, { quietMs: claimMs, forMs: claimMs });
  const failures: unknown[] = [];
  for (const entry of entries) await carryOver(deps, entry).catch((error: unknown) => failures.push(error));
  if (failures.length > 0) throw failures[0];
  return entries.length;
}

/** What an entry's document says: its title is found, too; access is part of what is searched by. */
export function toDocument(entry: UnsyncedEntry): NewDocument {
  const { id, title, content, category, tags, access, team, ownerId } = entry;
  return {
    externalId: id,
    content: `# ${title}\n\n${content}`,
    mediaType: "text/markdown",
    metadata: {
      access,
      owner: ownerId,
      tags,
      ...(team !== undefined && { team }),
      ...(category !== undefined && { category }),
    },
  };
}

async function carryOver({ sync, documents }: SyncDeps, entry: UnsyncedEntry): Promise<void> {
  if (entry.isDeleted) await documents.remove(entry.tenantId, entry.id);
  else await documents.write(entry.tenantId, toDocument(entry));
  await sync.done(entry);
}
