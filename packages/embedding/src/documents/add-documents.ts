import {
  AppError,
  assert,
  type Collection,
  type DocumentId,
  type DocumentOutcome,
  type DocumentWrite,
  type ErrorBody,
  type TenantId,
  toErrorBody,
  type WritingImport,
} from "@devmesh/models";
import type { RequestKey } from "../ports/collection-store.ts";
import type { DocumentStore } from "../ports/document-store.ts";
import {
  nameDocument,
  type PrepareDocumentsDeps,
  type PrepareDocumentsRequest,
  type PreparedDocuments,
  prepareDocuments,
} from "./prepare-documents.ts";

/** What adding documents stands on. */
export interface AddDocumentsDeps extends PrepareDocumentsDeps {
  readonly documents: Pick<DocumentStore, "write">;
}

/** Documents for a collection of a tenant, each as it arrived. */
export interface AddDocumentsRequest extends PrepareDocumentsRequest {
  readonly tenantId: TenantId;
  readonly collection: Pick<Collection, "id" | "chunking" | "model">;
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
  const prepared = await prepareDocuments(deps, request);
  const ref = { tenantId: request.tenantId, collectionId: request.collection.id };
  const writes = [...prepared.writes.values()];
  const outcomes = writes.length === 0 ? [] : await deps.documents.write(ref, writes, by);
  return toDocumentResults(prepared, outcomes, request.nameItem);
}

/**
 * The same once a key: what the key's first request came to is answered again. Where no document is good nothing was
 * made, and nothing is kept.
 *
 * @throws AppError also `conflict`, reason `idempotency_key_reused`, for a key that came with another body.
 */
export async function addDocumentsOnce(
  deps: PrepareDocumentsDeps & { readonly documents: Pick<DocumentStore, "writeOnce"> },
  request: AddDocumentsRequest,
  key: RequestKey,
): Promise<{ readonly results: readonly DocumentResult[]; readonly isReplay: boolean }> {
  const prepared = await prepareDocuments(deps, request);
  const ref = { tenantId: request.tenantId, collectionId: request.collection.id };
  const writes = [...prepared.writes.values()];
  const { made, isReplay } =
    writes.length === 0 ? { made: [], isReplay: false } : await deps.documents.writeOnce(ref, writes, key);
  return { results: toDocumentResults(prepared, made, request.nameItem), isReplay };
}

/** What became of each item. @param outcomes of what was written, in its order. */
export function toDocumentResults(
  { writes, problems }: PreparedDocuments,
  outcomes: readonly DocumentOutcome[],
  nameItem: (index: number) => string = nameDocument,
): readonly DocumentResult[] {
  const results = new Map<number, DocumentResult>();
  for (const [index, problem] of problems) results.set(index, { error: toErrorBody(problem) });
  for (const [i, [index, write]] of [...writes].entries()) {
    results.set(index, toResult(nameItem(index), write, outcomes[i]));
  }
  return [...results].sort(([a], [b]) => a - b).map(([, result]) => result);
}

function toResult(at: string, write: DocumentWrite, outcome: DocumentOutcome | undefined): DocumentResult {
  // the store answers for each document that it was given
  assert(outcome !== undefined, `no outcome of ${at}`);
  if (outcome.outcome === "changed") {
    const named = JSON.stringify(write.externalId.slice(0, 80));
    const message = `${at}: the document ${named} was changed by somebody else since the import began`;
    return { error: toErrorBody(new AppError("conflict", message, { reason: "document_changed" })) };
  }
  const { id, version } = outcome;
  return {
    document: { id, externalId: write.externalId, outcome: outcome.outcome, version, chunks: write.chunks.length },
  };
}
