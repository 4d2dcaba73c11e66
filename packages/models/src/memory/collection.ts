import { z } from "zod";
import type { CollectionId, TenantId } from "../ids.ts";
import { nameSchema, textSchema } from "../text.ts";
import {
  type Dimensions,
  type Distance,
  distances,
  type VectorStorage,
  vectorDimensions,
  vectorStorages,
} from "./vector.ts";

/** Ways of choosing a model where none is named. */
export const embeddingStrategies = ["quality", "cost", "speed", "balanced"] as const;
/** One of {@link embeddingStrategies}. */
export type EmbeddingStrategy = (typeof embeddingStrategies)[number];

/** Where texts are cut: `auto` looks at the document's media type. */
export const chunkModes = ["auto", "markdown", "text", "code"] as const;
/** One of {@link chunkModes}. */
export type ChunkMode = (typeof chunkModes)[number];

/** Languages whose words Postgres can stem; `simple` takes words as they are. */
export const textLanguages = [
  "simple",
  "danish",
  "dutch",
  "english",
  "finnish",
  "french",
  "german",
  "hungarian",
  "italian",
  "norwegian",
  "portuguese",
  "romanian",
  "russian",
  "spanish",
  "swedish",
  "turkish",
] as const;
/** One of {@link textLanguages}. */
export type TextLanguage = (typeof textLanguages)[number];

/** How documents are cut into chunks. */
export const chunkingSchema = z
  .strictObject({
    mode: z.enum(chunkModes).default("auto"),
    maxTokens: z.int().min(32).max(2_048).default(400),
    overlapTokens: z.int().min(0).max(512).default(40),
  })
  .refine(({ maxTokens, overlapTokens }) => overlapTokens * 2 <= maxTokens, {
    path: ["overlapTokens"],
    message: "must be at most half of maxTokens",
  });
/** How documents are cut into chunks. */
export type Chunking = z.output<typeof chunkingSchema>;

/** The figures of an HNSW index. `efSearch` is what is used where a search says nothing. */
export const hnswSchema = z
  .strictObject({
    m: z.int().min(4).max(100).default(16),
    efConstruction: z.int().min(8).max(1_000).default(64),
    efSearch: z.int().min(10).max(1_000).default(100),
  })
  .refine(({ m, efConstruction }) => efConstruction >= 2 * m, {
    path: ["efConstruction"],
    message: "must be at least twice m",
  });
/** The figures of an HNSW index. */
export type Hnsw = z.output<typeof hnswSchema>;

/** The body of `POST /collections`. All of it is for life: a member that is misspelt is refused. */
export const newCollectionSchema = z.strictObject({
  name: nameSchema,
  description: textSchema(1_000).optional(),
  /** A model of the catalogue, or a strategy that chooses one now. */
  model: textSchema(128).default("balanced"),
  dimensions: z.literal(vectorDimensions).optional(),
  distance: z.enum(distances).default("cosine"),
  /** Where absent: what the database takes in faster. */
  storage: z.enum(vectorStorages).optional(),
  hnsw: hnswSchema.prefault({}),
  chunking: chunkingSchema.prefault({}),
  /** `claude`: each chunk is embedded with a context that Claude writes from the whole document. */
  context: z.enum(["none", "claude"]).default("none"),
  language: z.enum(textLanguages).default("english"),
});
/** A collection as it is asked for. */
export type NewCollection = z.output<typeof newCollectionSchema>;

/** Whose documents a collection holds: an integrator's, or those that the mesh makes of knowledge and contexts. */
export type CollectionKind = "user" | "knowledge" | "contexts";

/** A collection: what was fixed when it was made. */
export interface Collection {
  readonly tenantId: TenantId;
  readonly id: CollectionId;
  readonly kind: CollectionKind;
  readonly name: string;
  readonly description: string | undefined;
  /** Always of the catalogue. */
  readonly model: string;
  readonly dimensions: Dimensions;
  readonly distance: Distance;
  readonly storage: VectorStorage;
  readonly hnsw: Hnsw;
  readonly chunking: Chunking;
  readonly context: "none" | "claude";
  readonly language: TextLanguage;
  readonly createdAt: Date;
}

/** How far a collection's documents are embedded. */
export interface CollectionCounts {
  readonly documents: number;
  readonly chunks: number;
  /** Documents that are found by text, and not yet by vector. */
  readonly pending: number;
  /** Documents whose embedding was given up. */
  readonly failed: number;
}
