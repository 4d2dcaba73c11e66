export type { ModelQuota } from "./catalogue/embedding-model.ts";
export type { ListedModel } from "./catalogue/listed-model.ts";
export { countTokens } from "./chunking/count-tokens.ts";
export { type CutOptions, cutIntoChunks } from "./chunking/cut-into-chunks.ts";
export { type CreateCollectionDeps, createCollection, planCollection } from "./collections/create-collection.ts";
export { findCollections } from "./collections/find-collections.ts";
export {
  type ContextCollectionDeps,
  type ContextDocuments,
  contextDocuments,
  contextSearch,
} from "./contexts/context-documents.ts";
export { type DigestDeps, type DigestOutcome, digestContext } from "./contexts/digest-context.ts";
export { type RemoveContextsDeps, removeContexts } from "./contexts/remove-contexts.ts";
export type { ClaudeDeps } from "./contextual/ask-claude.ts";
export { defaultClaudeModel } from "./contextual/claude-price.ts";
export { type ContextsRequest, writeContexts } from "./contextual/write-contexts.ts";
export {
  type AddDocumentsDeps,
  type AddDocumentsRequest,
  type AddedDocument,
  addDocuments,
  addDocumentsOnce,
  type DocumentResult,
  toDocumentResults,
} from "./documents/add-documents.ts";
export { type PreparedDocuments, prepareDocuments } from "./documents/prepare-documents.ts";
export { createEmbedder, type EmbedderDeps, type RoutingEmbedder } from "./embedder/create-embedder.ts";
export type { Embedder, EmbedOutcome, EmbedRequest, ModelChoice } from "./embedder/embedder.ts";
export type { CallPlace, EmbedderHooks } from "./embedder/embedder-hooks.ts";
export { type EmbedderMeter, embedderMetrics } from "./embedder/embedder-metrics.ts";
export {
  type KnowledgeCollectionDeps,
  knowledgeDocuments,
  knowledgeSearch,
} from "./knowledge/knowledge-collection.ts";
export {
  type KnowledgeFound,
  type KnowledgeQuery,
  type KnowledgeSearchDeps,
  searchKnowledge,
} from "./knowledge/search-knowledge.ts";
export { type KnowledgeDocuments, type SyncDeps, syncEntry, syncStale } from "./knowledge/sync-entry.ts";
export { createEntry, deleteEntry, noEntry, restoreEntry, updateEntry } from "./knowledge/write-entry.ts";
export { embedLocally, type LocalDimensions } from "./local/embed-locally.ts";
export { type EmbedDocumentsDeps, embedDocuments, type Unfinished } from "./pipeline/embed-documents.ts";
export {
  type EmbeddingMessage,
  encodeEmbeddingMessage,
  parseEmbeddingMessage,
  toEmbeddingMessages,
} from "./pipeline/embedding-message.ts";
export type { CollectionStore, PageAfter, RequestKey } from "./ports/collection-store.ts";
export type { ClaimedContext, ContextDigests, ContextRemovals, DigestResult } from "./ports/context-store.ts";
export type { CollectionRef, DocumentStore, PendingStore } from "./ports/document-store.ts";
export type { EmbeddingCache } from "./ports/embedding-cache.ts";
export type {
  KnowledgeAsker,
  KnowledgeFilter,
  KnowledgeStore,
  KnowledgeSync,
  UnsyncedEntry,
} from "./ports/knowledge-store.ts";
export type {
  CallOptions,
  ConverseAnswer,
  ConverseRequest,
  InvokeAnswer,
  ModelTransport,
} from "./ports/model-transport.ts";
export type { MethodRequest, MethodResult, SearchStore } from "./ports/search-store.ts";
export type { EstimatedUsage, UsageLedger } from "./ports/usage-ledger.ts";
export type { SearchDeps, SearchOrder, SearchTerms } from "./search/run-methods.ts";
export { type SearchAnswer, type SearchExplanation, searchCollections } from "./search/search-collections.ts";
export { type SummaryRequest, summarize } from "./summary/summarize.ts";
