export type {
  AttachResult,
  ConnectionRef,
  ConnectionTouch,
  HeldConnection,
} from "./agents/agent-connections.ts";
export { type AgentMetricsRepository, agentMetricsRepository, type EndedCounts } from "./agents/agent-metrics.ts";
export { type AgentRepository, agentRepository, type PageAsked } from "./agents/agent-repository.ts";
export { type NodeRepository, nodeRepository } from "./agents/node-repository.ts";
export { type PullRepository, pullRepository } from "./agents/pull-repository.ts";
export {
  type BudgetAsked,
  type BudgetFilter,
  type BudgetRepository,
  budgetRepository,
  type StandingBudget,
} from "./caps/budget-repository.ts";
export { type LimitAsked, type LimitRepository, limitRepository } from "./caps/limit-repository.ts";
export { type KeyedUsage, type UsageAsked, type UsageRepository, usageRepository } from "./caps/usage-repository.ts";
export { type CollectionRepository, collectionRepository } from "./collections/collection-repository.ts";
export { defaultStorageOf } from "./collections/default-storage.ts";
export { type DocumentRepository, documentRepository } from "./collections/document-repository.ts";
export { type PendingRepository, pendingRepository } from "./collections/pending-repository.ts";
export {
  type ClaimedContext,
  type ContextDigests,
  contextDigests,
  type DigestResult,
} from "./contexts/context-digests.ts";
export { type ContextRemovals, contextRemovals, type RemovedContext } from "./contexts/context-removals.ts";
export { type ContextRepository, contextRepository } from "./contexts/context-repository.ts";
export type {
  Database,
  OwnerSession,
  Queryable,
  QueryResult,
  Transaction,
  TransactionScope,
} from "./database/database.ts";
export { violatedConstraint } from "./database/database-errors.ts";
export { openPglite, type PgliteOptions, snapshotPglite } from "./database/drivers/pglite.ts";
export { openPostgres, type PostgresOptions } from "./database/drivers/postgres.ts";
export { lockFolder } from "./database/folder-lock.ts";
export {
  type Column,
  type ColumnType,
  joinSql,
  Sql,
  type SqlParameter,
  type SqlValue,
  sql,
  unnest,
} from "./database/sql.ts";
export {
  type DeadLetterReads,
  type DeadMessage,
  deadLetterReads,
  type PastAssignment,
} from "./dead-letters/dead-letter-reads.ts";
export { type DeadLetterWrites, deadLetterWrites } from "./dead-letters/dead-letter-writes.ts";
export {
  type ClaimedMessage,
  type DeadMessages,
  type DiedMessage,
  deadMessages,
  type MessageStanding,
} from "./dead-letters/dead-messages.ts";
export {
  type DueLetter,
  type OpenRedrive,
  type OpenRedrives,
  openRedrives,
  type RedriveCounts,
  type RedriveCursor,
} from "./dead-letters/open-redrives.ts";
export { type NewRedriveJob, type RedriveJobs, redriveJobs } from "./dead-letters/redrive-jobs.ts";
export {
  type EventRepository,
  eventRepository,
  type FannedOut,
  type MeshEvent,
  type PlacedEvent,
} from "./events/event-repository.ts";
export { type OutboxRepository, outboxRepository, type Relayed } from "./events/outbox-repository.ts";
export { type ExclusiveOptions, holdExclusively } from "./exclusive.ts";
export { type ImportJobs, importJobs, type NewImport } from "./imports/import-jobs.ts";
export { type ImportBatch, type OpenImport, type OpenImports, openImports } from "./imports/open-imports.ts";
export { type KeyRecord, type KeyRef, type KeyRepository, keyRepository, type NewKey } from "./key-repository.ts";
export { type KnowledgeRepository, knowledgeRepository } from "./knowledge/knowledge-repository.ts";
export { type KnowledgeSyncRepository, knowledgeSyncRepository } from "./knowledge/knowledge-sync.ts";
export type { Made, RequestKey } from "./ledger/claim-first.ts";
export { type Ledger, type LedgerTransaction, ledgerStore } from "./ledger/ledger-store.ts";
export { findMemoryDue, type MemoryDue } from "./memory-due.ts";
export {
  type DeliveryAsked,
  type DeliveryFrame,
  type DeliveryRepository,
  deliveryRepository,
} from "./messages/delivery-repository.ts";
export type { Receiver } from "./messages/mailbox-writes.ts";
export {
  type MessageRepository,
  messageRepository,
  type OutgoingMessage,
  type SendOutcome,
} from "./messages/message-repository.ts";
export {
  type SubscriptionRepository,
  type Subscriptions,
  subscriptionRepository,
} from "./messages/subscription-repository.ts";
export { migrate, migrationsDir } from "./migrate.ts";
export { type PostgresEmbeddingCache, postgresEmbeddingCache } from "./models/embedding-cache.ts";
export { type UsageLedgerRepository, usageLedger } from "./models/model-usage.ts";
export { type NotifyFanOut, notifyFanOut } from "./notify-fan-out.ts";
export { type SearchRepository, searchRepository } from "./search/search-repository.ts";
export { type AttentionFilter, type AttentionReads, attentionReads } from "./tasks/attention.ts";
export type { Standing } from "./tasks/lane-standings.ts";
export { findQueuedLanes, type QueuedLane } from "./tasks/queued-lanes.ts";
export { type TaskFilter, type TaskReads, taskReads } from "./tasks/task-reads.ts";
export { findWaitingToolAgents, type ToolInputs, toolInputs } from "./tasks/tool-inputs.ts";
export {
  type ExternalToolRepository,
  externalToolRepository,
  type ServerTool,
  type ToolSummary,
} from "./tools/external-tool-repository.ts";
export { sealedSecrets } from "./tools/sealed-secrets.ts";
export { type ToolCallRepository, toolCallRepository } from "./tools/tool-call-repository.ts";
export { type DueServer, type ToolChecks, toolChecks } from "./tools/tool-checks.ts";
export type { ToolServerStanding } from "./tools/tool-server-columns.ts";
export { type ToolServerRepository, toolServerRepository } from "./tools/tool-server-repository.ts";
export type { ServerWrite } from "./tools/tool-server-writes.ts";
