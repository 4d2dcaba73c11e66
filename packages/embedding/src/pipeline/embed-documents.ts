import {
  AppError,
  type ChunkVector,
  type Collection,
  type CollectionId,
  type Dimensions,
  type DocumentId,
  type PendingChunk,
  type PendingDocument,
  type TenantId,
  toAppError,
  toErrorBody,
} from "@devmesh/models";
import type { Embedder } from "../embedder/embedder.ts";
import type { CollectionStore } from "../ports/collection-store.ts";
import type { CollectionRef, PendingStore } from "../ports/document-store.ts";
import { addContexts, type WriteContexts } from "./add-contexts.ts";
import { embedPatiently, type PatienceDeps } from "./embed-patiently.ts";
import { toEmbeddedText } from "./embedded-text.ts";

/** What embedding stands on. */
export interface EmbedDocumentsDeps extends PatienceDeps {
  readonly embedder: Pick<Embedder, "embed">;
  readonly collections: Pick<CollectionStore, "find">;
  readonly pending: Omit<PendingStore, "claim" | "backlog">;
  /** How many characters of a text a model reads. */
  readonly maxCharacters: (model: string) => number;
  /** Undefined where no model is there that writes. */
  readonly writeContexts: WriteContexts | undefined;
  /** At least 0, less than 1. */
  readonly random: () => number;
  /** Told of what became of documents, and of how many chunks went to a model together. */
  readonly onDone: (done: {
    readonly collection: CollectionRef;
    readonly indexed: number;
    readonly failed: number;
  }) => void;
  readonly onBatch: (chunks: number) => void;
}

/** Documents of one tenant, of any collections, and what ends the work. */
export interface EmbedDocumentsRequest {
  readonly tenantId: TenantId;
  readonly documents: readonly PendingDocument[];
  readonly signal: AbortSignal;
}

/** By document: why it is neither embedded, nor given up, nor gone. Worth another try. */
export type Unfinished = ReadonlyMap<DocumentId, AppError>;

/** Chunks that are in memory at a time, with their vectors: 4 MB of 3,072 dimensions. Four calls of Cohere. Judgement. */
const maxChunks = 384;

/** Vectors that are written in one transaction: at PGlite's 20 to 100 ms each, others wait 1.6 s at most. */
const maxWritten = 16;

/**
 * Embeds documents: collections of one model and dimensions together, written collection by collection, so that a
 * document is found by vector as soon as its last chunk is in. A chunk that the model refuses fails its document, and no
 * other. What others have done meanwhile, or deleted, or written anew, is left alone; doing it again does no harm.
 *
 * @throws AppError of the database, and `cancelled`; what a model is the reason of is answered.
 */
export async function embedDocuments(deps: EmbedDocumentsDeps, request: EmbedDocumentsRequest): Promise<Unfinished> {
  const { tenantId, documents, signal } = request;
  const ids = [...new Set(documents.map(({ collectionId }) => collectionId))];
  const found = await Promise.all(ids.map((id) => deps.collections.find(tenantId, id)));
  const collections = found.filter((collection) => collection !== undefined);
  const alike = Map.groupBy(collections, ({ model, dimensions }) => `${model}/${dimensions}`);
  const unfinished = await Promise.all(
    [...alike.values()].map(([first, ...others]) =>
      first === undefined ? new Map() : embedAlike(deps, { tenantId, documents, signal, alike: [first, ...others] }),
    ),
  );
  return new Map(unfinished.flatMap((each) => [...each]));
}

interface AlikeRequest extends EmbedDocumentsRequest {
  /** Collections of one model and dimensions. */
  readonly alike: readonly [Collection, ...Collection[]];
}

type Chunk = PendingChunk & { readonly document: PendingDocument };

async function embedAlike(deps: EmbedDocumentsDeps, request: AlikeRequest): Promise<Unfinished> {
  const { tenantId, alike, signal } = request;
  const byId = new Map(alike.map((collection) => [collection.id, collection]));
  let open = request.documents.filter(({ collectionId }) => byId.has(collectionId));
  const unfinished = new Map<DocumentId, AppError>();
  while (open.length > 0) {
    signal.throwIfAborted();
    const chunks = await deps.pending.findChunks(tenantId, open, maxChunks);
    if (chunks.length === 0) break;
    const problems = await embedChunks(deps, { ...request, chunks, byId });
    await failRefused(deps, tenantId, open, problems);
    for (const [id, error] of problems) if (!isRefusal(error)) unfinished.set(id, error);
    open = open.filter(({ documentId }) => !problems.has(documentId));
    if (chunks.length < maxChunks) break;
  }
  return unfinished;
}

interface ChunksRequest extends AlikeRequest {
  readonly chunks: readonly Chunk[];
  readonly byId: ReadonlyMap<CollectionId, Collection>;
}

/** Writes the vectors that there are; answers documents some chunk of which got none. */
async function embedChunks(deps: EmbedDocumentsDeps, request: ChunksRequest): Promise<Map<DocumentId, AppError>> {
  const { tenantId, chunks, alike, byId, signal } = request;
  const problems = new Map<DocumentId, AppError>();
  const ready = await addContexts(deps, { tenantId, chunks, collections: byId, signal, problems, maxChunks });
  if (ready.length === 0) return problems;
  deps.onBatch(ready.length);
  const maxCharacters = deps.maxCharacters(alike[0].model);
  const texts = ready.map((chunk) => toEmbeddedText(chunk, maxCharacters));
  const vectors = await embedAll(deps, { tenantId, signal, collection: alike[0], texts });
  const written = new Map<CollectionId, ChunkVector[]>();
  for (const [index, { id: chunkId, document }] of ready.entries()) {
    const vector = vectors[index] ?? new AppError("internal", "the embedder gave no vector");
    if (vector instanceof AppError) problems.set(document.documentId, vector);
    else written.set(document.collectionId, [...(written.get(document.collectionId) ?? []), { chunkId, vector }]);
  }
  for (const [collectionId, chunkVectors] of written) {
    await writePieces(deps, { tenantId, collectionId }, chunkVectors);
  }
  return problems;
}

/** Others come between two pieces: where the database does one thing at a time, an index takes its time. */
async function writePieces(
  { pending, onDone }: EmbedDocumentsDeps,
  collection: CollectionRef,
  vectors: readonly ChunkVector[],
): Promise<void> {
  for (let from = 0; from < vectors.length; from += maxWritten) {
    const indexed = await pending.writeVectors(collection, vectors.slice(from, from + maxWritten));
    onDone({ collection, indexed: indexed.length, failed: 0 });
  }
}

/** A failure of the whole call is one of each text. */
async function embedAll(
  deps: EmbedDocumentsDeps,
  request: {
    readonly tenantId: TenantId;
    readonly texts: readonly string[];
    readonly collection: { readonly model: string; readonly dimensions: Dimensions };
    readonly signal: AbortSignal;
  },
): Promise<readonly (Float32Array | AppError)[]> {
  const { tenantId, texts, collection, signal } = request;
  const { model, dimensions } = collection;
  try {
    return await embedPatiently(deps, { tenantId, texts, choice: { model, dimensions }, purpose: "document", signal });
  } catch (caught) {
    signal.throwIfAborted();
    const error = toAppError(caught);
    return texts.map(() => error);
  }
}

/** What the model, or the set-up, will never take. */
function isRefusal({ code }: AppError): boolean {
  return code === "invalid_argument" || code === "failed_precondition";
}

async function failRefused(
  deps: EmbedDocumentsDeps,
  tenantId: TenantId,
  documents: readonly PendingDocument[],
  problems: ReadonlyMap<DocumentId, AppError>,
): Promise<void> {
  const refused = documents.filter(({ documentId }) => {
    const error = problems.get(documentId);
    return error !== undefined && isRefusal(error);
  });
  for (const document of refused) {
    const { code, message } = toErrorBody(problems.get(document.documentId) ?? new AppError("internal", "refused"));
    await deps.pending.fail(tenantId, [document], { code, message });
    const collection = { tenantId, collectionId: document.collectionId };
    deps.onDone({ collection, indexed: 0, failed: 1 });
  }
}
