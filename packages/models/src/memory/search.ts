import { z } from "zod";
import type { ChunkId, CollectionId, DocumentId } from "../ids.ts";
import { nameSchema } from "../text.ts";
import { contentSchema, type Metadata } from "./document.ts";

/** What finds: nearness of vectors, words, or both. */
export const searchModes = ["vector", "text", "hybrid"] as const;
/** One of {@link searchModes}. */
export type SearchMode = (typeof searchModes)[number];

/** The most hits of one search. */
export const maxHits = 100;

/** The body of `POST /search`. The filter is parsed by itself, so that its problems name their place. */
export const searchRequestSchema = z.strictObject({
  /** Ids or names. */
  collections: z.array(nameSchema).min(1).max(20),
  query: contentSchema(8_192),
  mode: z.enum(searchModes).default("hybrid"),
  limit: z.int().min(1).max(maxHits).default(10),
  filter: z.unknown().optional(),
  /** Hits of a lower score are left out. */
  minScore: z.number().min(0).max(1).optional(),
  /** 0: by score alone; 1: as unlike one another as can be (maximal marginal relevance). */
  diversity: z.number().min(0).max(1).default(0),
  /** How wide the index is searched; more finds more, slower. */
  efSearch: z.int().min(10).max(1_000).optional(),
  explain: z.boolean().default(false),
});
/** A search as it is asked for. */
export type SearchRequest = z.output<typeof searchRequestSchema>;

/** Where a chunk stands in one method's order. `score` is the method's own: similarity, or weight of words. */
export interface MethodRank {
  /** From 1. */
  readonly rank: number;
  readonly score: number;
}

/** A chunk that was found. */
export interface SearchHit {
  readonly collectionId: CollectionId;
  readonly documentId: DocumentId;
  readonly externalId: string;
  readonly chunkId: ChunkId;
  /** 0 to 1, comparable within one answer. */
  readonly score: number;
  readonly ranks: { readonly vector?: MethodRank; readonly text?: MethodRank };
  readonly content: string;
  readonly context?: string;
  readonly position: {
    readonly ordinal: number;
    readonly start: number;
    readonly end: number;
    readonly heading?: string;
  };
  readonly metadata: Metadata;
}

/** A chunk as one method found it, best first. */
export interface FoundChunk {
  readonly collectionId: CollectionId;
  readonly chunkId: ChunkId;
  readonly documentId: DocumentId;
  readonly score: number;
}

/** How one collection was searched by one method. */
export interface SearchStep {
  readonly collectionId: CollectionId;
  readonly method: "vector" | "text";
  /** Such as `hnsw`, `hnsw iterative`, `exact over 812 filtered`, `gin all words`. */
  readonly strategy: string;
  readonly found: number;
  readonly tookMs: number;
  /** Postgres's own plan, as EXPLAIN prints it. */
  readonly plan?: readonly string[];
}
