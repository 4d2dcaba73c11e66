import type { Objects } from "@devmesh/adapters";
import type { SearchAnswer, SearchTerms } from "@devmesh/embedding";
import type { TenantId } from "@devmesh/models";
import type { ContextRepository } from "@devmesh/repositories";

/** What the routes of contexts stand on. */
export interface ContextDeps {
  readonly contexts: ContextRepository;
  /** Undefined where no bucket is configured. */
  readonly objects: Objects | undefined;
  /** Tells the worker that something is to be made of a context, or one to be removed. */
  readonly nudgeContexts: () => void;
  /** Searches what contexts say; nothing is found where a tenant has none. */
  readonly searchContexts: (tenantId: TenantId, request: SearchTerms, signal: AbortSignal) => Promise<SearchAnswer>;
}
