import { searchModes, searchRequestSchema as searchRequest } from "@devmesh/models";
import { z } from "@hono/zod-openapi";
import { errorBodySchema } from "./error-schema.ts";

const filterSchema = z.record(z.string(), z.unknown()).meta({
  id: "MetadataFilter",
  description:
    '`{"and": [filter, …]}`, `{"or": [filter, …]}`, `{"not": filter}`, or a condition: `{"field": "author.name", "eq": "Ada"}`, ' +
    '`{"field": "lang", "in": ["en", "de"]}`, `{"field": "year", "gte": 2000, "lt": 2010}`, `{"field": "draft", "exists": false}`. ' +
    "A list in the metadata `eq` a value that is in it.",
});

/** For the document: what `POST /search` takes. */
export const searchRequestSchema = searchRequest
  .extend({ filter: filterSchema.optional() })
  .meta({ id: "SearchRequest", description: "`collections` are ids or names, of one model, dimensions and distance." });

const rankSchema = z.object({
  rank: z.int().min(1),
  score: z.number().meta({ description: "The method's own: similarity, or weight of words." }),
});

/** For the document: {@link import("@devmesh/models").SearchHit}. */
const hitSchema = z
  .object({
    collectionId: z.uuid(),
    documentId: z.uuid(),
    externalId: z.string(),
    chunkId: z.uuid(),
    score: z.number().min(0).max(1).meta({ description: "Comparable within one answer." }),
    ranks: z.object({ vector: rankSchema.optional(), text: rankSchema.optional() }),
    content: z.string(),
    context: z.string().optional().meta({ description: "What Claude wrote about the chunk." }),
    position: z.object({
      ordinal: z.int().min(0),
      start: z.int().min(0).meta({ description: "In UTF-16 units of the document's content." }),
      end: z.int().min(0),
      heading: z.string().optional(),
    }),
    metadata: z.record(z.string(), z.unknown()),
  })
  .meta({ id: "SearchHit" });

/** For the document: `data` of a search. */
export const searchDataSchema = z.object({ hits: z.array(hitSchema) });

const stepSchema = z.object({
  collectionId: z.uuid(),
  method: z.enum(["vector", "text"]),
  strategy: z.string(),
  found: z.int().min(0),
  tookMs: z.number().min(0),
  plan: z.array(z.string()).optional().meta({ description: "Of Postgres." }),
});

/** For the document: {@link import("@devmesh/embedding").SearchExplanation}. */
const explanationSchema = z
  .object({
    mode: z.enum(searchModes),
    models: z.array(z.string()),
    query: z
      .object({ dimensions: z.int().min(1), isFromCache: z.boolean() })
      .optional()
      .meta({ description: "Absent where nothing was embedded." }),
    fusion: z.object({ k: z.number(), weights: z.object({ vector: z.number(), text: z.number() }) }).optional(),
    candidates: z.int().min(0),
    steps: z.array(stepSchema),
    timingsMs: z.object({
      embed: z.number(),
      vector: z.number(),
      text: z.number(),
      fuse: z.number(),
      load: z.number(),
      total: z.number(),
    }),
  })
  .meta({ id: "SearchExplanation" });

const metaSchema = z.object({
  mode: z.enum(searchModes).meta({ description: "What was done in the end." }),
  degraded: errorBodySchema
    .omit({ requestId: true })
    .optional()
    .meta({ description: "Why a hybrid search went by text alone: what kept its model from answering." }),
  tookMs: z.number().min(0),
});

/** For the document: `meta` of a search of contexts, or of knowledge. */
export const plainSearchMetaSchema = metaSchema.meta({ id: "PlainSearchMeta" });
/** For the document: `meta` of a search. */
export const searchMetaSchema = metaSchema.extend({ explain: explanationSchema.optional() }).meta({ id: "SearchMeta" });

export const searchExample = {
  collections: ["docs"],
  query: "how does a task travel?",
  mode: "hybrid",
  limit: 10,
  filter: {
    and: [
      { field: "lang", eq: "en" },
      { field: "year", gte: 2020 },
    ],
  },
};
export const searchDataExample = {
  hits: [
    {
      collectionId: "019ad9b5-6c00-7000-8000-000000000031",
      documentId: "019ad9b5-6c00-7000-8000-000000000032",
      externalId: "docs/architecture.md",
      chunkId: "019ad9b5-6c00-7000-8000-000000000033",
      score: 1,
      ranks: { vector: { rank: 1, score: 0.71 }, text: { rank: 1, score: 3.2 } },
      content: "A caller sends `POST /api/v1/tasks` to rest-api …",
      position: { ordinal: 1, start: 812, end: 2_214, heading: "Architecture › How a task travels" },
      metadata: { lang: "en", year: 2026 },
    },
  ],
};
export const searchMetaExample = { mode: "hybrid", tookMs: 8.412 };
