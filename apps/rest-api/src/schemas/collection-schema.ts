import {
  type Collection,
  type CollectionCounts,
  chunkModes,
  distances,
  type MetadataField,
  metadataTypes,
  newCollectionSchema as newCollection,
  textLanguages,
  vectorStorages,
} from "@devmesh/models";
import { z } from "@hono/zod-openapi";

const exampleId = "019ad9b5-6c00-7000-8000-000000000031";

/** A collection in a path: what is neither id nor name of one is answered as `not_found`. */
export const collectionParams = z.object({
  id: z.string().openapi({ description: "The collection's id, or its name.", example: exampleId }),
});

/** For the document: what `POST /collections` takes. */
export const newCollectionSchema = newCollection.meta({
  id: "NewCollection",
  description:
    "`model` is a model of `GET /embeddings/models`, or `quality`, `cost`, `speed` or `balanced`, which chooses one now. " +
    "All of it is for life. `vector` takes 2,000 dimensions at most, `halfvec` half the bytes and up to 4,000; the latter is the " +
    "default, but for an embedded database.",
});

const countsSchema = z.object({
  documents: z.int().min(0),
  chunks: z.int().min(0),
  pending: z.int().min(0).meta({ description: "Documents that are found by text, and not yet by vector." }),
  failed: z.int().min(0).meta({ description: "Documents whose embedding was given up." }),
});

const fieldSchema = z
  .object({
    path: z.string().meta({ description: "Keys from the top, joined by dots." }),
    types: z.array(z.enum(metadataTypes)),
  })
  .meta({ id: "MetadataField", description: "A field of metadata, and what values of it were ever seen." });

/** For the document: a collection, as {@link toCollectionView} shows it. */
export const collectionSchema = z
  .object({
    id: z.uuid(),
    name: z.string(),
    description: z.string().optional(),
    model: z.string(),
    dimensions: z.int().min(1),
    distance: z.enum(distances),
    storage: z.enum(vectorStorages),
    hnsw: z.object({ m: z.int(), efConstruction: z.int(), efSearch: z.int() }),
    chunking: z.object({ mode: z.enum(chunkModes), maxTokens: z.int(), overlapTokens: z.int() }),
    context: z.enum(["none", "claude"]),
    language: z.enum(textLanguages),
    createdAt: z.iso.datetime(),
    counts: countsSchema.optional().meta({ description: "Left out of lists." }),
    fields: z.array(fieldSchema).optional().meta({ description: "Left out of lists." }),
  })
  .meta({ id: "Collection" });

/** What a single collection has beside what was fixed when it was made. */
export interface CollectionState {
  readonly counts: CollectionCounts;
  readonly fields: readonly MetadataField[];
}

/** A collection as the API shows it. */
export function toCollectionView(collection: Collection, state?: CollectionState): Readonly<Record<string, unknown>> {
  const { tenantId: _tenant, kind: _kind, description, createdAt, ...rest } = collection;
  // what an idempotency key kept has its time as text
  const time = new Date(createdAt).toISOString();
  return { ...rest, ...(description !== undefined && { description }), createdAt: time, ...state };
}

export const newCollectionExample = { name: "docs", description: "How the project works", model: "balanced" };
export const listedCollectionExample = {
  id: exampleId,
  name: "docs",
  description: "How the project works",
  model: "local.feature-hashing-v1",
  dimensions: 512,
  distance: "cosine",
  storage: "halfvec",
  hnsw: { m: 16, efConstruction: 64, efSearch: 100 },
  chunking: { mode: "auto", maxTokens: 400, overlapTokens: 40 },
  context: "none",
  language: "english",
  createdAt: "2026-11-30T00:00:00.000Z",
};
export const collectionExample = {
  ...listedCollectionExample,
  counts: { documents: 30, chunks: 412, pending: 2, failed: 0 },
  fields: [{ path: "lang", types: ["string"] }],
};
