import { type Sql, sql } from "../database/sql.ts";

/** What budget `b` has spent in its running window. */
export const spentNow: Sql = sql`case when b.window_start < budget_window(b.period) then 0 else b.spent end`;

/** True where budget `b`, in force, lets nothing more be assigned. */
export const isSpent: Sql = sql`${spentNow} + b.reserved >= b.cap`;

/** True where budget `b` lets something more be assigned. */
export const hasRoom: Sql = sql`(b.deleted_at is not null or not (${isSpent}))`;

/** True where budget `b`, in force, is spent or has no room for what the agent of `la` says that a task of its lane costs. */
export const isTooSmall: Sql = sql`(${isSpent} or b.unit = 'micro_usd' and
              ${spentNow} + b.reserved + coalesce(la.cost_micro_usd, 0) > b.cap)`;

/** The greatest number that JavaScript counts exactly: what would go past it stays there. */
export const maxCount: Sql = sql`9007199254740991`;
