import { type Collection, type NewDocument, newCollectionSchema, parseWith, type TenantId } from "@devmesh/models";
import { type PlanCollectionDeps, planCollection } from "../collections/create-collection.ts";
import { type AddDocumentsDeps, addDocuments } from "../documents/add-documents.ts";
import type { CollectionStore } from "../ports/collection-store.ts";
import type { DocumentStore } from "../ports/document-store.ts";
import type { SearchDeps } from "../search/run-methods.ts";
import { searchCollections } from "../search/search-collections.ts";
import type { KnowledgeSearchDeps } from "./search-knowledge.ts";
import type { KnowledgeDocuments } from "./sync-entry.ts";

/** What a tenant's collection of knowledge stands on. */
export interface KnowledgeCollectionDeps extends PlanCollectionDeps, AddDocumentsDeps {
  readonly collections: Pick<CollectionStore, "ensure">;
  readonly documents: Pick<DocumentStore, "write" | "delete">;
  /** Told that documents wait for their vectors. */
  readonly nudgeEmbeddings: () => void;
}

/** The name of the collection, which no list shows. */
const collectionName = "knowledge";

/** Documents in each tenant's own collection of kind `knowledge`, which is made with the first. */
export function knowledgeDocuments(deps: KnowledgeCollectionDeps): KnowledgeDocuments {
  return {
    write: async (tenantId, document) => {
      const collection = await ensureCollection(deps, tenantId);
      await writeDocument(deps, { tenantId, collection, document });
      deps.nudgeEmbeddings();
    },
    remove: async (tenantId, externalId) => {
      const { id: collectionId } = await ensureCollection(deps, tenantId);
      await deps.documents.delete({ tenantId, collectionId }, [externalId]);
    },
  };
}

/** The search of that collection. What the filter leaves out is not told of by scores either. */
export function knowledgeSearch(
  deps: SearchDeps & Pick<KnowledgeCollectionDeps, "collections" | "newId" | "canWriteContexts"> & PlanCollectionDeps,
): KnowledgeSearchDeps["search"] {
  return async (tenantId, { query, mode, minScore, filter, limit }, signal) => {
    const collection = await ensureCollection(deps, tenantId);
    const request = { query, mode, minScore, filter, countsFiltered: true, limit, diversity: 0, explain: false };
    return searchCollections(deps, { tenantId, collections: [collection], request, signal });
  };
}

function ensureCollection(
  deps: PlanCollectionDeps & Pick<KnowledgeCollectionDeps, "collections">,
  tenantId: TenantId,
): Promise<Collection> {
  const asked = parseWith(newCollectionSchema, { name: collectionName });
  return deps.collections.ensure({
    ...planCollection(deps, { tenantId, kind: "knowledge", asked }),
    kind: "knowledge",
  });
}

/** A document of ours is one that can be written: what can't is a fault. */
async function writeDocument(
  deps: AddDocumentsDeps,
  asked: { readonly tenantId: TenantId; readonly collection: Collection; readonly document: NewDocument },
): Promise<void> {
  const { tenantId, collection, document } = asked;
  const [result] = await addDocuments(deps, { tenantId, collection, documents: [document] });
  if (result === undefined || "error" in result) {
    throw new Error(`the document of entry ${document.externalId} was refused: ${result?.error.message}`);
  }
}
