import { setImmediate as breathe } from "node:timers/promises";
import type { Hints } from "@devmesh/adapters";
import type { ContextCollectionDeps, KnowledgeCollectionDeps } from "@devmesh/embedding";
import { collectionRepository, type Database, defaultStorageOf, documentRepository } from "@devmesh/repositories";
import { createUuidV7 } from "@devmesh/runtime";
import type { Models } from "./open-models.ts";

export interface OpenDocumentDepsOptions {
  readonly database: Database;
  readonly hints: Pick<Hints, "nudgeEmbeddings">;
  readonly models: Pick<Models, "embedder" | "claude">;
}

/** What writing documents into tenants' own collections stands on. */
export function openDocumentDeps(options: OpenDocumentDepsOptions): ContextCollectionDeps & KnowledgeCollectionDeps {
  const { database, hints, models } = options;
  return {
    collections: collectionRepository(database),
    documents: documentRepository(database),
    embedder: models.embedder,
    canWriteContexts: models.claude !== undefined,
    defaultStorage: defaultStorageOf(database),
    newId: createUuidV7(),
    breathe,
    nudgeEmbeddings: () => hints.nudgeEmbeddings(),
  };
}
