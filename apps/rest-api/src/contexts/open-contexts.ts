import type { Objects } from "@devmesh/adapters";
import { contextSearch } from "@devmesh/embedding";
import { contextRepository, type Database } from "@devmesh/repositories";
import type { MemoryDeps } from "../routes/memory-deps.ts";
import type { ContextDeps } from "./context-deps.ts";

/** Puts together what the routes of contexts stand on. */
export function openContexts(open: {
  readonly database: Database;
  readonly memory: MemoryDeps;
  readonly objects: Objects | undefined;
  readonly nudgeContexts: () => void;
}): ContextDeps {
  const { database, memory, objects, nudgeContexts } = open;
  return { contexts: contextRepository(database), objects, nudgeContexts, searchContexts: contextSearch(memory) };
}
