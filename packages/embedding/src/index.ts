export type { Embedder, EmbedOutcome, EmbedRequest, ModelChoice } from "./embedder.ts";
export { createEntry, deleteEntry, noEntry, restoreEntry, updateEntry } from "./knowledge/write-entry.ts";
export { embedLocally, type LocalDimensions } from "./local/embed-locally.ts";
export type { CollectionStore, PageAfter, RequestKey } from "./ports/collection-store.ts";
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
