import { z } from "zod";
import type { ChunkId, CollectionId, DocumentId, ImportId } from "../ids.ts";
import { utf8Bytes } from "../json.ts";
import { isStorable, notStorable, textSchema } from "../text.ts";
import type { Vector } from "./vector.ts";

/** The most documents of one request. */
export const maxDocuments = 1_000;
/** The longest content, in bytes of UTF-8. */
export const maxContentBytes = 1_048_576;
/** The largest metadata of one document, in bytes of JSON. */
export const maxMetadataBytes = 16_384;

/** In JSON text, the escape of a character that Postgres' jsonb refuses: after an even number of backslashes. */
const unstorableEscape = /(?<!\\)(?:\\\\)*\\u(?:0000|d[89a-f])/;

/** A text of at most so many bytes of UTF-8 that has something to read in it. */
export function contentSchema(maxBytes: number): z.ZodType<string> {
  return z
    .string()
    .refine((text) => text.trim() !== "", "must not be empty")
    .refine((text) => utf8Bytes(text) <= maxBytes, {
      error: ({ input }) => `is of ${utf8Bytes(String(input))} bytes, at most ${maxBytes} are allowed`,
    })
    .refine(isStorable, notStorable);
}

/** What documents are filtered by: an object of any JSON. Handed on as it is: a record of zod's would drop `__proto__`. */
export const metadataSchema = z
  .custom<Readonly<Record<string, unknown>>>(isJsonObject, "must be an object")
  .meta({ type: "object", additionalProperties: {} })
  .refine(
    (value) => utf8Bytes(JSON.stringify(value)) <= maxMetadataBytes,
    `must be at most ${maxMetadataBytes} bytes as JSON`,
  )
  .refine((value) => !unstorableEscape.test(JSON.stringify(value)), "must not hold U+0000 or a lone surrogate");
/** What documents are filtered by. */
export type Metadata = z.infer<typeof metadataSchema>;

/** One document of `POST /collections/{id}/documents`, and one line of an import. A misspelt member would be lost: it is refused. */
export const newDocumentSchema = z.strictObject({
  externalId: textSchema(512),
  content: contentSchema(maxContentBytes),
  /** `text/markdown`, `text/x-typescript`, …; where absent, the ending of `externalId` tells. */
  mediaType: textSchema(128).optional(),
  metadata: metadataSchema.default({}),
});
/** A document as it arrives. */
export type NewDocument = z.output<typeof newDocumentSchema>;

/** `pending`: found by text, and not yet by vector. `failed`: its embedding was given up. */
export const documentStates = ["pending", "indexed", "failed"] as const;
/** One of {@link documentStates}. */
export type DocumentState = (typeof documentStates)[number];

/** A document as the API shows it. */
export interface StoredDocument {
  readonly id: DocumentId;
  readonly collectionId: CollectionId;
  readonly externalId: string;
  readonly mediaType?: string;
  readonly metadata: Metadata;
  readonly state: DocumentState;
  readonly error?: { readonly code: string; readonly message: string };
  /** Counts from 1; rises with every change of content or metadata. */
  readonly version: number;
  readonly chunks: number;
  readonly createdAt: string;
  readonly updatedAt: string;
  /** Left out of lists. */
  readonly content?: string;
}

/** A piece of a text, as it was cut. Offsets count UTF-16 units of the document's content: `[start, end)`. */
export interface Chunk {
  /** From 0, in the order of the document. */
  readonly ordinal: number;
  readonly content: string;
  readonly start: number;
  readonly end: number;
  /** Headings that it stands under, outermost first, joined by ` › `. */
  readonly heading: string | undefined;
  readonly tokens: number;
}

/** A document that is to be written, cut already. */
export interface DocumentWrite {
  /** Used where the external id is new. */
  readonly id: DocumentId;
  readonly externalId: string;
  readonly content: string;
  /** SHA-256, hex, of content, media type and what it is cut by. */
  readonly contentHash: string;
  readonly mediaType: string | undefined;
  readonly metadata: Metadata;
  readonly chunks: readonly (Chunk & { readonly id: ChunkId })[];
}

/** What became of a write. `changed`: somebody else wrote the document since the import began. */
export type DocumentOutcome =
  | { readonly outcome: "created" | "updated" | "unchanged"; readonly id: DocumentId; readonly version: number }
  | { readonly outcome: "changed"; readonly id: DocumentId; readonly version: number };

/** The import that writes, and since when a document must not have been written by anybody else. */
export interface WritingImport {
  readonly importId: ImportId;
  readonly since: Date;
}

/** A document whose chunks wait for vectors. */
export interface PendingDocument {
  readonly collectionId: CollectionId;
  readonly documentId: DocumentId;
  readonly version: number;
}

/** A chunk that waits for its vector. */
export interface PendingChunk {
  readonly id: ChunkId;
  readonly ordinal: number;
  readonly content: string;
  readonly heading: string | undefined;
  /** What Claude wrote about it, where that was done. */
  readonly context: string | undefined;
}

/** A chunk's vector. */
export interface ChunkVector {
  readonly chunkId: ChunkId;
  readonly vector: Vector;
}

function isJsonObject(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
