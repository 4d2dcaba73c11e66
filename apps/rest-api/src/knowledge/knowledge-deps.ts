import type { KnowledgeAsker, KnowledgeFound, KnowledgeStore } from "@devmesh/embedding";
import type { KnowledgeId, KnowledgeSearch, TenantId } from "@devmesh/models";

/** What the routes of knowledge stand on. */
export interface KnowledgeDeps {
  readonly knowledge: KnowledgeStore;
  /** Writes the document of an entry that was changed. Never throws: what fails is logged, and done by the worker. */
  readonly carryOverEntry: (tenantId: TenantId, id: KnowledgeId) => Promise<void>;
  readonly searchEntries: (
    asker: KnowledgeAsker,
    request: { readonly asked: KnowledgeSearch; readonly signal: AbortSignal },
  ) => Promise<KnowledgeFound>;
}
