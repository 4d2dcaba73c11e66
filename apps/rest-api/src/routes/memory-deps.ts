import type {
  AddDocumentsDeps,
  CollectionStore,
  CreateCollectionDeps,
  DocumentStore,
  RoutingEmbedder,
  SearchDeps,
} from "@devmesh/embedding";
import type { SearchMode } from "@devmesh/models";
import type { CollectionWaiters } from "../collection-waiters.ts";

/** What the routes of embeddings, collections, documents and search stand on. */
export interface MemoryDeps extends CreateCollectionDeps, AddDocumentsDeps, SearchDeps {
  readonly collections: CollectionStore;
  readonly documents: DocumentStore;
  readonly embedder: RoutingEmbedder;
  readonly collectionWaiters: CollectionWaiters;
  /** Tells the worker that documents wait for their vectors. */
  readonly nudgeEmbeddings: () => void;
  /** Told how each search went. */
  readonly onSearch: (done: {
    readonly mode: SearchMode;
    readonly isDegraded: boolean;
    readonly tookMs: number;
  }) => void;
}
