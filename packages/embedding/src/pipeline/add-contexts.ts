import {
  AppError,
  type ChunkId,
  type Collection,
  type CollectionId,
  type DocumentId,
  type PendingChunk,
  type PendingDocument,
  type TenantId,
  toAppError,
} from "@devmesh/models";
import type { PendingStore } from "../ports/document-store.ts";

/** Writes, for chunks of a document, where each stands in it. By ordinal. */
export type WriteContexts = (request: {
  readonly tenantId: TenantId;
  readonly document: string;
  readonly chunks: readonly { readonly ordinal: number; readonly content: string }[];
  readonly signal: AbortSignal;
}) => Promise<ReadonlyMap<number, string>>;

interface Deps {
  readonly pending: Pick<PendingStore, "findContents" | "setContexts">;
  readonly writeContexts: WriteContexts | undefined;
}

type Chunk = PendingChunk & { readonly document: PendingDocument };

interface Request {
  readonly tenantId: TenantId;
  readonly chunks: readonly Chunk[];
  readonly collections: ReadonlyMap<CollectionId, Collection>;
  readonly signal: AbortSignal;
  /** Gets what documents have not got their contexts for. */
  readonly problems: Map<DocumentId, AppError>;
}

/**
 * Has contexts written for chunks of collections that ask for them, and found by text from then on; answers the chunks
 * that can be embedded. One document after the other, so that the model's prompt cache is used.
 */
export async function addContexts(deps: Deps, request: Request): Promise<readonly Chunk[]> {
  const { tenantId, chunks, collections, problems, signal } = request;
  const bare = chunks.filter(
    ({ document, context }) => context === undefined && collections.get(document.collectionId)?.context === "claude",
  );
  if (bare.length === 0) return chunks;
  const byDocument = Map.groupBy(bare, ({ document }) => document.documentId);
  const documents = [...byDocument.values()].flatMap(([first]) => (first === undefined ? [] : [first.document]));
  const contents = await deps.pending.findContents(tenantId, documents);
  const contexts = new Map<ChunkId, string>();
  for (const [documentId, ofDocument] of byDocument) {
    const document = contents.get(documentId);
    // written anew, or gone: its next version has a turn of its own
    if (document === undefined) continue;
    try {
      const written = await write(deps, { tenantId, document, chunks: ofDocument, signal });
      for (const [id, context] of written) contexts.set(id, context);
    } catch (caught) {
      signal.throwIfAborted();
      problems.set(documentId, toAppError(caught));
    }
  }
  return chunks.flatMap((chunk) => {
    if (problems.has(chunk.document.documentId)) return [];
    const isBare = byDocument.has(chunk.document.documentId) && chunk.context === undefined;
    const context = chunk.context ?? contexts.get(chunk.id);
    return isBare && context === undefined ? [] : [{ ...chunk, context }];
  });
}

async function write(
  { pending, writeContexts }: Deps,
  request: {
    readonly tenantId: TenantId;
    readonly document: string;
    readonly chunks: readonly Chunk[];
    readonly signal: AbortSignal;
  },
): Promise<ReadonlyMap<ChunkId, string>> {
  if (writeContexts === undefined) {
    throw new AppError("failed_precondition", "no model is there that writes contexts", { reason: "no_model" });
  }
  const { tenantId, chunks } = request;
  const byOrdinal = await writeContexts(request);
  const contexts = new Map(chunks.map(({ id, ordinal }) => [id, byOrdinal.get(ordinal) ?? ""]));
  const [first] = chunks;
  if (first !== undefined) await pending.setContexts({ tenantId, collectionId: first.document.collectionId }, contexts);
  return contexts;
}
