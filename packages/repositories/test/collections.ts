import type { Collection, DocumentWrite, PendingChunk, PendingDocument, TenantId, Vector } from "@devmesh/models";
import { collectionRepository } from "../src/collections/collection-repository.ts";
import type { CollectionKey } from "../src/collections/document-writes.ts";
import { pendingRepository } from "../src/collections/pending-repository.ts";
import type { Database } from "../src/database/database.ts";
import { newUuid } from "./fixture.ts";

/** A collection as it is asked for, of 256 dimensions unless another is given. */
export function newCollection(
  tenantId: TenantId,
  given: Partial<Omit<Collection, "createdAt">> = {},
): Omit<Collection, "createdAt"> {
  return {
    tenantId,
    id: newUuid(),
    kind: "user",
    name: newUuid(),
    description: undefined,
    model: "local.feature-hashing-v1",
    dimensions: 256,
    distance: "cosine",
    storage: "halfvec",
    hnsw: { m: 16, efConstruction: 64, efSearch: 100 },
    chunking: { mode: "auto", maxTokens: 400, overlapTokens: 40 },
    context: "none",
    language: "english",
    ...given,
  };
}

/** Makes a collection of a tenant. */
export async function givenCollection(
  database: Database,
  tenantId: TenantId,
  given: Partial<Omit<Collection, "createdAt">> = {},
): Promise<Collection> {
  const { made } = await collectionRepository(database).create(newCollection(tenantId, given), { max: 1_000 });
  return made;
}

export function keyOf({ tenantId, id }: Collection): CollectionKey {
  return { tenantId, collectionId: id };
}

/** A document, each of whose texts is a chunk of its own. */
export function newDocument(
  externalId: string,
  texts: readonly string[],
  metadata: DocumentWrite["metadata"] = {},
): DocumentWrite {
  const content = texts.join("\n");
  return {
    id: newUuid(),
    externalId,
    content,
    contentHash: content,
    mediaType: undefined,
    metadata,
    chunks: texts.map((text, ordinal) => {
      const start = content.indexOf(text);
      return { id: newUuid(), ordinal, content: text, start, end: start + text.length, heading: undefined, tokens: 1 };
    }),
  };
}

/** Embeds all that waits in a collection, by a function of a chunk's content; gives the documents that are indexed now. */
export async function embedAll(
  database: Database,
  collection: Collection,
  toVector: (content: string) => Vector,
): Promise<number> {
  const pending = pendingRepository(database);
  let indexed = 0;
  for (;;) {
    const claimed = (await pending.claim(1_000, 60_000)).filter(({ collectionId }) => collectionId === collection.id);
    if (claimed.length === 0) return indexed;
    const chunks: readonly (PendingChunk & { readonly document: PendingDocument })[] = await pending.findChunks(
      collection.tenantId,
      claimed,
      100_000,
    );
    const vectors = chunks.map(({ id, content }) => ({ chunkId: id, vector: toVector(content) }));
    indexed += (await pending.writeVectors(keyOf(collection), vectors)).length;
  }
}

/** A vector of 256 dimensions that points where an angle says, in the plane of the first two. */
export function pointing(angle: number, dimensions = 256): Vector {
  const vector = new Float32Array(dimensions);
  vector[0] = Math.cos(angle);
  vector[1] = Math.sin(angle);
  return vector;
}
