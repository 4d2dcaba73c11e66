import {
  AppError,
  assertFilterTypes,
  type Collection,
  type ContextId,
  type DocumentId,
  type Metadata,
  type NewDocument,
  newCollectionSchema,
  parseWith,
  type TenantId,
} from "@devmesh/models";
import { type PlanCollectionDeps, planCollection } from "../collections/create-collection.ts";
import { type AddDocumentsDeps, addDocuments } from "../documents/add-documents.ts";
import type { CollectionStore } from "../ports/collection-store.ts";
import type { DocumentStore } from "../ports/document-store.ts";
import type { SearchDeps, SearchTerms } from "../search/run-methods.ts";
import { type SearchAnswer, searchCollections } from "../search/search-collections.ts";

/** What a tenant's collection of contexts stands on. */
export interface ContextCollectionDeps extends PlanCollectionDeps, AddDocumentsDeps {
  readonly collections: Pick<CollectionStore, "ensure">;
  readonly documents: Pick<DocumentStore, "write" | "delete">;
  /** Told that documents wait for their vectors. */
  readonly nudgeEmbeddings: () => void;
}

/** Documents that contexts are found by. */
export interface ContextDocuments {
  /** Gives their ids. @throws AppError `invalid_argument` for one that can't be written. */
  write(tenantId: TenantId, documents: readonly NewDocument[]): Promise<readonly DocumentId[]>;
  /** Also where there are none. */
  remove(tenantId: TenantId, externalIds: readonly string[]): Promise<void>;
}

/** What the text of a context is cut from. */
export interface ContextText {
  readonly id: ContextId;
  readonly name: string;
  readonly mediaType: string;
  readonly metadata: Metadata;
  readonly text: string;
}

/** The most that is read of a context: what comes after it is neither summed up nor found. */
export const maxDigestBytes = 4_194_304;
/** Documents hold at most 1 MiB; smaller ones are embedded, and tried again, in smaller steps. */
const partBytes = 262_144;

/** The name of the collection, which no list shows. */
const collectionName = "contexts";

/** Documents in each tenant's own collection of kind `contexts`, which is made with the first. */
export function contextDocuments(deps: ContextCollectionDeps): ContextDocuments {
  return {
    write: async (tenantId, documents) => {
      const collection = await ensureCollection(deps, tenantId);
      const results = await addDocuments(deps, { tenantId, collection, documents });
      const refused = results.find((result) => "error" in result);
      if (refused !== undefined && "error" in refused) throw new AppError(refused.error.code, refused.error.message);
      deps.nudgeEmbeddings();
      return results.flatMap((result) => ("document" in result ? result.document.id : []));
    },
    remove: async (tenantId, externalIds) => {
      const { id: collectionId } = await ensureCollection(deps, tenantId);
      await deps.documents.delete({ tenantId, collectionId }, externalIds);
    },
  };
}

/** The search of that collection. @throws AppError `invalid_argument` also for a filter by another type than was ever seen. */
export function contextSearch(
  deps: SearchDeps & PlanCollectionDeps & { readonly collections: Pick<CollectionStore, "ensure" | "fields"> },
): (tenantId: TenantId, request: SearchTerms, signal: AbortSignal) => Promise<SearchAnswer> {
  return async (tenantId, request, signal) => {
    const collection = await ensureCollection(deps, tenantId);
    const { filter } = request;
    if (filter !== undefined) assertFilterTypes(filter, await deps.collections.fields(tenantId, [collection.id]));
    return searchCollections(deps, { tenantId, collections: [collection], request, signal });
  };
}

/** A text as documents of at most 256 KiB, cut after a line where there is one. `startByte` is where each begins. */
export function cutContext({ id, name, mediaType, metadata, text }: ContextText): readonly NewDocument[] {
  let end = 0;
  const parts = cutText(text).map((content) => {
    const startByte = end;
    end += Buffer.byteLength(content);
    return { content, startByte };
  });
  return parts
    .filter(({ content }) => content.trim() !== "")
    .map(({ content, startByte }, part) => ({
      externalId: externalIdOf(id, part),
      content,
      mediaType: mediaType.split(";")[0] ?? mediaType,
      metadata: { contextId: id, name, mediaType, metadata, part, startByte },
    }));
}

/** The names of all documents that there may be of a context. */
export function externalIdsOf({ id, size }: { readonly id: ContextId; readonly size: number }): readonly string[] {
  const most = Math.floor(Math.min(size, maxDigestBytes) / (partBytes / 2)) + 1;
  return Array.from({ length: most }, (_, part) => externalIdOf(id, part));
}

function externalIdOf(id: ContextId, part: number): string {
  return `${id}/${part}`;
}

function cutText(text: string): readonly string[] {
  const bytes = Buffer.from(text);
  const parts: string[] = [];
  for (let start = 0; start < bytes.length; ) {
    const end = endOfPart(bytes, start);
    parts.push(bytes.toString("utf8", start, end));
    start = end;
  }
  return parts;
}

function endOfPart(bytes: Buffer, start: number): number {
  const limit = start + partBytes;
  if (limit >= bytes.length) return bytes.length;
  const line = bytes.lastIndexOf(0x0a, limit - 1) + 1;
  if (line > start + partBytes / 2) return line;
  let end = limit;
  // not within a character: its further bytes begin with 10
  while (((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return end;
}

function ensureCollection(
  deps: PlanCollectionDeps & Pick<ContextCollectionDeps, "collections">,
  tenantId: TenantId,
): Promise<Collection> {
  const asked = parseWith(newCollectionSchema, { name: collectionName });
  return deps.collections.ensure({ ...planCollection(deps, { tenantId, kind: "contexts", asked }), kind: "contexts" });
}
