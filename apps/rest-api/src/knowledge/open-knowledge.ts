import { knowledgeDocuments, knowledgeSearch, searchKnowledge, syncEntry } from "@devmesh/embedding";
import type { Logger } from "@devmesh/observability";
import { type Database, knowledgeRepository, knowledgeSyncRepository } from "@devmesh/repositories";
import type { MemoryDeps } from "../routes/memory-deps.ts";
import type { KnowledgeDeps } from "./knowledge-deps.ts";

/** Opens the entries, and the collections that they are found in. */
export function openKnowledge(open: {
  readonly database: Database;
  readonly memory: MemoryDeps;
  readonly logger: Logger;
}): KnowledgeDeps {
  const { database, memory, logger } = open;
  const knowledge = knowledgeRepository(database);
  const sync = knowledgeSyncRepository(database);
  const documents = knowledgeDocuments(memory);
  const searching = { store: knowledge, search: knowledgeSearch(memory), now: Date.now };
  return {
    knowledge,
    carryOverEntry: async (tenantId, id) => {
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
