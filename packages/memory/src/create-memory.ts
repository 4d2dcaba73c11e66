import { setImmediate as breathe } from "node:timers/promises";
import type {
  AddDocumentsDeps,
  CollectionStore,
  CreateCollectionDeps,
  DocumentStore,
  RoutingEmbedder,
  SearchDeps,
} from "@devmesh/embedding";
import type { NewId } from "@devmesh/models";
import {
  collectionRepository,
  type Database,
  defaultStorageOf,
  documentRepository,
  searchRepository,
} from "@devmesh/repositories";
import type { Models } from "./open-models.ts";

/** A query's vector is worth waiting for so long; a hybrid search goes on without it then. */
const maxEmbedMs = 5_000;

/** What collections, documents and search stand on, and so the collections of knowledge and of contexts. */
export interface Memory extends CreateCollectionDeps, AddDocumentsDeps, SearchDeps {
  readonly collections: CollectionStore;
  readonly documents: DocumentStore;
  readonly embedder: RoutingEmbedder;
  /** Tells the worker that documents wait for their vectors. */
  readonly nudgeEmbeddings: () => void;
}

/** What memory is made of. */
export interface CreateMemoryOptions {
  readonly database: Database;
  readonly models: Pick<Models, "embedder" | "claude">;
  readonly newId: NewId;
  readonly nudgeEmbeddings: () => void;
}

/** Puts the stores of memory and the models together. Opens nothing. */
export function createMemory({ database, models, newId, nudgeEmbeddings }: CreateMemoryOptions): Memory {
  return {
    embedder: models.embedder,
    collections: collectionRepository(database),
    documents: documentRepository(database),
    searches: searchRepository(database),
    canWriteContexts: models.claude !== undefined,
    defaultStorage: defaultStorageOf(database),
    newId,
    breathe,
    now: () => performance.now(),
    newEmbedTimeout: () => AbortSignal.timeout(maxEmbedMs),
    nudgeEmbeddings,
  };
}
