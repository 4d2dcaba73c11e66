export { type AgentMetricsRepository, agentMetricsRepository, type EndedCounts } from "./agent-metrics.ts";
export type {
  Database,
  OwnerSession,
  Queryable,
  QueryResult,
  Transaction,
  TransactionScope,
} from "./database/database.ts";
export { violatedConstraint } from "./database/database-errors.ts";
export { openPglite, type PgliteOptions } from "./database/drivers/pglite.ts";
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
export { type ExclusiveOptions, holdExclusively } from "./exclusive.ts";
export { type Ledger, type LedgerTransaction, ledgerStore } from "./ledger/ledger-store.ts";
export { migrate, migrationsDir } from "./migrate.ts";
export { findQueuedLanes, type QueuedLane } from "./queued-lanes.ts";
