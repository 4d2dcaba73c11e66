import type { Objects } from "@devmesh/adapters";
import { contextSearch, type SearchAnswer, type SearchTerms } from "@devmesh/embedding";
import type { TenantId } from "@devmesh/models";
import { type ContextRepository, contextRepository, type Database } from "@devmesh/repositories";
import type { Memory } from "../create-memory.ts";

/** What doors of contexts stand on. */
export interface Contexts {
  readonly contexts: ContextRepository;
  /** Undefined where no bucket is configured. */
  readonly objects: Objects | undefined;
  /** Searches what contexts say; nothing is found where a tenant has none. */
  readonly searchContexts: (tenantId: TenantId, request: SearchTerms, signal: AbortSignal) => Promise<SearchAnswer>;
}

/** What contexts are made of. */
export interface CreateContextsOptions {
  readonly database: Database;
  readonly memory: Memory;
  readonly objects: Objects | undefined;
}

/** Puts together what doors of contexts stand on. */
export function createContexts({ database, memory, objects }: CreateContextsOptions): Contexts {
  return { contexts: contextRepository(database), objects, searchContexts: contextSearch(memory) };
}
