import { createHash } from "node:crypto";
import {
  AppError,
  assertStorableJson,
  type ChunkId,
  type Chunking,
  type Collection,
  type DocumentId,
  type DocumentOutcome,
  type DocumentWrite,
  type ErrorBody,
  maxDocuments,
  type NewDocument,
  type NewId,
  newDocumentSchema,
  parseWith,
  type TenantId,
  toAppError,
  toErrorBody,
  type WritingImport,
} from "@devmesh/models";
import { cutIntoChunks } from "../chunking/cut-into-chunks.ts";
import type { DocumentStore } from "../ports/document-store.ts";

/** What adding documents stands on. */
export interface AddDocumentsDeps {
  readonly documents: Pick<DocumentStore, "write">;
  readonly newId: NewId;
  /** Gives the thread to others: cutting a large text takes milliseconds. */
  readonly breathe: () => Promise<void>;
}

/** Documents for a collection, each as it arrived. */
export interface AddDocumentsRequest {
  readonly tenantId: TenantId;
  readonly collection: Pick<Collection, "id" | "chunking">;
  readonly documents: readonly unknown[];
  /** How problems name an item; by default `documents[3]`. */
  readonly nameItem?: (index: number) => string;
}

/** A document that is there now. */
export interface AddedDocument {
  readonly id: DocumentId;
  readonly externalId: string;
  readonly outcome: "created" | "updated" | "unchanged";
  readonly version: number;
  readonly chunks: number;
}

/** What became of one item. */
export type DocumentResult = { readonly document: AddedDocument } | { readonly error: ErrorBody };

/**
 * Parses, cuts and writes documents, each by itself: a bad one does not stop the others. Results are in the order given.
 * A later document with the external id of an earlier one is a `conflict`, and so is, with `by`, one that somebody else
 * has written since the import began. What was written is found by text when this resolves. Idempotent: what is there
 * already is `unchanged`.
 *
 * @throws AppError `invalid_argument` for none or more than 1,000 documents; `not_found` where the collection is gone.
 */
export async function addDocuments(
  deps: AddDocumentsDeps,
  request: AddDocumentsRequest,
  by?: WritingImport,
): Promise<readonly DocumentResult[]> {
  const { tenantId, collection, documents: items, nameItem = (index) => `documents[${index}]` } = request;
  assertCount(items.length);
  const parsed = parseEach(items, nameItem);
  const writes = new Map<number, DocumentWrite>();
  for (const [index, one] of parsed.entries()) {
    if (one instanceof AppError) continue;
    writes.set(index, toWrite(one, collection.chunking, deps.newId));
    await deps.breathe();
  }
  const ref = { tenantId, collectionId: collection.id };
  const outcomes = writes.size === 0 ? [] : await deps.documents.write(ref, [...writes.values()], by);
  const outcomeByIndex = new Map([...writes.keys()].map((index, i) => [index, outcomes[i]]));
  return parsed.map((one, index) => {
    if (one instanceof AppError) return { error: toErrorBody(one) };
    return toResult(nameItem(index), writes.get(index), outcomeByIndex.get(index));
  });
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

function parseEach(
  items: readonly unknown[],
  nameItem: (index: number) => string,
): readonly (NewDocument | AppError)[] {
  const firstByExternalId = new Map<string, number>();
  return items.map((item, index) => {
    const at = nameItem(index);
    try {
      assertStorableJson(item);
      const document = parseWith(newDocumentSchema, item, at);
      const first = firstByExternalId.get(document.externalId);
      if (first !== undefined) throw repeated(at, nameItem(first), document.externalId);
      firstByExternalId.set(document.externalId, index);
      return document;
    } catch (caught) {
      return toAppError(caught);
    }
  });
}

function repeated(at: string, first: string, externalId: string): AppError {
  const message = `${at}: the external id ${JSON.stringify(externalId.slice(0, 80))} is that of ${first}`;
  return new AppError("conflict", message, { reason: "repeated_external_id" });
}

function toWrite(document: NewDocument, chunking: Chunking, newId: NewId): DocumentWrite {
  const { externalId, content, mediaType, metadata } = document;
  const chunks = cutIntoChunks(content, { ...chunking, mediaType, externalId });
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

function toResult(at: string, write: DocumentWrite | undefined, outcome: DocumentOutcome | undefined): DocumentResult {
  // the store answers for each document that it was given
  if (write === undefined || outcome === undefined) throw new Error(`no outcome of ${at}`);
  if (outcome.outcome === "changed") {
    const message = `${at}: the document ${JSON.stringify(write.externalId.slice(0, 80))} was changed by somebody else since the import began`;
    return { error: toErrorBody(new AppError("conflict", message, { reason: "document_changed" })) };
  }
  const { id, version } = outcome;
  return {
    document: { id, externalId: write.externalId, outcome: outcome.outcome, version, chunks: write.chunks.length },
  };
}
