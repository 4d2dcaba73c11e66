import {
  type KnowledgeAsker,
  type KnowledgeFound,
  type KnowledgeStore,
  knowledgeDocuments,
  knowledgeSearch,
  searchKnowledge,
  syncEntry,
} from "@devmesh/embedding";
import type { KnowledgeId, KnowledgeSearch, TenantId } from "@devmesh/models";
import type { Logger } from "@devmesh/observability";
import { type Database, knowledgeRepository, knowledgeSyncRepository } from "@devmesh/repositories";
import type { Memory } from "../create-memory.ts";

/** The entries, and the collections that they are found in. */
export interface Knowledge {
  readonly knowledge: KnowledgeStore;
  /**
   * After each change of an entry: tells of it, and writes its document. Never throws: what fails is logged, and done by
   * the worker.
   */
  readonly carryOverEntry: (tenantId: TenantId, id: KnowledgeId) => Promise<void>;
  readonly searchEntries: (
    asker: KnowledgeAsker,
    request: { readonly asked: KnowledgeSearch; readonly signal: AbortSignal },
  ) => Promise<KnowledgeFound>;
}

/** What knowledge is made of. */
export interface CreateKnowledgeOptions {
  readonly database: Database;
  readonly memory: Memory;
  /** Tells who waits that an entry was written, changed or deleted. */
  readonly tellChanged: (tenantId: TenantId, id: KnowledgeId) => void;
  readonly logger: Logger;
}

/** Puts together what doors of knowledge stand on. */
export function createKnowledge(options: CreateKnowledgeOptions): Knowledge {
  const { database, memory, tellChanged, logger } = options;
  const knowledge = knowledgeRepository(database);
  const sync = knowledgeSyncRepository(database);
  const documents = knowledgeDocuments(memory);
  const searching = { store: knowledge, search: knowledgeSearch(memory), now: Date.now };
  return {
    knowledge,
    carryOverEntry: async (tenantId, id) => {
      tellChanged(tenantId, id);
      try {
        await syncEntry({ sync, documents }, tenantId, id);
      } catch (err) {
        // the entry is written, and says that its document is not: the worker writes it
        logger.warn({ err, tenantId, id }, "the document of an entry was not written");
      }
    },
    searchEntries: (asker, request) => searchKnowledge(searching, asker, request),
  };
}
