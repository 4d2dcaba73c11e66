import { createHash } from "node:crypto";
import {
  AppError,
  assertStorableJson,
  type ChunkId,
  type Chunking,
  type Collection,
  type DocumentId,
  type DocumentWrite,
  maxDocuments,
  type NewDocument,
  type NewId,
  newDocumentSchema,
  parseWith,
  toAppError,
} from "@devmesh/models";
import { allModels } from "../catalogue/all-models.ts";
import { cutIntoChunks } from "../chunking/cut-into-chunks.ts";

/** What preparing documents stands on. */
export interface PrepareDocumentsDeps {
  readonly newId: NewId;
  /** Gives the thread to others: cutting a large text takes milliseconds. */
  readonly breathe: () => Promise<void>;
}

/** Documents for a collection, each as it arrived. */
export interface PrepareDocumentsRequest {
  readonly collection: Pick<Collection, "chunking" | "model">;
  readonly documents: readonly unknown[];
  /** How problems name an item; by default `documents[3]`. */
  readonly nameItem?: ((index: number) => string) | undefined;
}

/** What is to be written, and what can't be: every index is in one of the two, in rising order. */
export interface PreparedDocuments {
  readonly writes: ReadonlyMap<number, DocumentWrite>;
  readonly problems: ReadonlyMap<number, AppError>;
}

/**
 * Parses and cuts documents, each by itself. A later one with the external id of an earlier good one is a `conflict`.
 *
 * @throws AppError `invalid_argument` for none or more than 1,000 documents.
 */
export async function prepareDocuments(
  { newId, breathe }: PrepareDocumentsDeps,
  { collection, documents: items, nameItem = nameDocument }: PrepareDocumentsRequest,
): Promise<PreparedDocuments> {
  assertCount(items.length);
  const writes = new Map<number, DocumentWrite>();
  const problems = new Map<number, AppError>();
  const firstByExternalId = new Map<string, number>();
  for (const [index, item] of items.entries()) {
    const at = nameItem(index);
    try {
      const document = parseDocument(item, at);
      const first = firstByExternalId.get(document.externalId);
      if (first !== undefined) throw repeated(at, nameItem(first), document.externalId);
      firstByExternalId.set(document.externalId, index);
      writes.set(index, toWrite(document, collection, newId));
      await breathe();
    } catch (caught) {
      problems.set(index, toAppError(caught));
    }
  }
  return { writes, problems };
}

/** How problems name an item of a request. */
export function nameDocument(index: number): string {
  return `documents[${index}]`;
}

function parseDocument(item: unknown, at: string): NewDocument {
  assertStorableJson(item, at);
  return parseWith(newDocumentSchema, item, at);
}

/** SHA-256, in hex, of all that a document's chunks are made of. */
function hashContent({ content, mediaType }: NewDocument, { mode, maxTokens, overlapTokens }: Chunking): string {
  const parts = [content, mediaType ?? null, mode, maxTokens, overlapTokens];
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex");
}

function assertCount(count: number): void {
  if (count >= 1 && count <= maxDocuments) return;
  const message = `${count} documents: there must be 1 to ${maxDocuments}`;
  throw new AppError("invalid_argument", message, { details: [{ path: "documents", message }] });
}

function repeated(at: string, first: string, externalId: string): AppError {
  const message = `${at}: the external id ${JSON.stringify(externalId.slice(0, 80))} is that of ${first}`;
  return new AppError("conflict", message, { reason: "repeated_external_id" });
}

function toWrite(
  document: NewDocument,
  { chunking, model }: PrepareDocumentsRequest["collection"],
  newId: NewId,
): DocumentWrite {
  const { externalId, content, mediaType, metadata } = document;
  const maxCharacters = allModels.find(({ id }) => id === model)?.limits.maxCharacters;
  const chunks = cutIntoChunks(content, { ...chunking, mediaType, externalId, maxCharacters });
  return {
    id: newId() as DocumentId,
    externalId,
    content,
    contentHash: hashContent(document, chunking),
    mediaType,
    metadata,
    chunks: chunks.map((chunk) => ({ ...chunk, id: newId() as ChunkId })),
  };
}
