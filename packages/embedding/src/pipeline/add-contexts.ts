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
  readonly pending: Pick<PendingStore, "findChunks" | "findContents" | "setContexts">;
  readonly writeContexts: WriteContexts | undefined;
  /** At least 0, less than 1. */
  readonly random: () => number;
}

type Chunk = PendingChunk & { readonly document: PendingDocument };

interface Request {
  readonly tenantId: TenantId;
  readonly chunks: readonly Chunk[];
  readonly collections: ReadonlyMap<CollectionId, Collection>;
  readonly signal: AbortSignal;
  /** How many chunks are in memory at most: those that are given are no more. */
  readonly maxChunks: number;
  /** Gets what documents have not got their contexts for. */
  readonly problems: Map<DocumentId, AppError>;
}

/**
 * Has contexts written for chunks of collections that ask for them, and found by text from then on; answers the chunks
 * that can be embedded. One document after the other, so that the model's prompt cache is used.
 *
 * Many documents take longer than their claims: they are sent again, and others are at them, too. So each begins anywhere,
 * and looks before each document whether it was done meanwhile: a context is paid for once.
 */
export async function addContexts(deps: Deps, request: Request): Promise<readonly Chunk[]> {
  const { chunks, collections, problems } = request;
  const bare = chunks.filter(
    ({ document, context }) => context === undefined && collections.get(document.collectionId)?.context === "claude",
  );
  if (bare.length === 0) return chunks;
  const documents = new Map(bare.map(({ document }) => [document.documentId, document]));
  const contexts = new Map<ChunkId, string>();
  for (const document of turned([...documents.values()], deps.random())) {
    const known = await addContextsOf(deps, request, document);
    if (known instanceof AppError) problems.set(document.documentId, known);
    else for (const [id, context] of known) contexts.set(id, context);
  }
  return chunks.flatMap((chunk) => {
    if (problems.has(chunk.document.documentId)) return [];
    const isBare = documents.has(chunk.document.documentId) && chunk.context === undefined;
    const context = chunk.context ?? contexts.get(chunk.id);
    return isBare && context === undefined ? [] : [{ ...chunk, context }];
  });
}

/** All items in their order, from any of them on. */
function turned<Item>(items: readonly Item[], random: number): readonly Item[] {
  const first = Math.floor(random * items.length);
  return [...items.slice(first), ...items.slice(0, first)];
}

/** Contexts of chunks of one document, those that others wrote included, or why there are none. */
async function addContextsOf(
  { pending, writeContexts }: Deps,
  { tenantId, maxChunks, signal }: Request,
  named: PendingDocument,
): Promise<ReadonlyMap<ChunkId, string> | AppError> {
  const present = await pending.findChunks(tenantId, [named], maxChunks);
  const contexts = new Map(present.flatMap(({ id, context }) => (context === undefined ? [] : [[id, context]])));
  const bare = present.filter(({ context }) => context === undefined);
  const contents = bare.length === 0 ? undefined : await pending.findContents(tenantId, [named]);
  const document = contents?.get(named.documentId);
  // done by others, written anew, or gone: its next version has a turn of its own
  if (document === undefined) return contexts;
  const byOrdinal = await write(writeContexts, { tenantId, document, chunks: bare, signal });
  if (byOrdinal instanceof AppError) return byOrdinal;
  const written = new Map(bare.map(({ id, ordinal }) => [id, byOrdinal.get(ordinal) ?? ""]));
  await pending.setContexts({ tenantId, collectionId: named.collectionId }, written);
  return new Map([...contexts, ...written]);
}

async function write(
  writeContexts: WriteContexts | undefined,
  request: Parameters<WriteContexts>[0],
): Promise<ReadonlyMap<number, string> | AppError> {
  if (writeContexts === undefined) {
    return new AppError("failed_precondition", "no model is there that writes contexts", { reason: "no_model" });
  }
  try {
    return await writeContexts(request);
  } catch (caught) {
    request.signal.throwIfAborted();
    return toAppError(caught);
  }
}
