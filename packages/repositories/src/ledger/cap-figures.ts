import { type Sql, sql } from "../database/sql.ts";

/** What budget `b` has spent in its running window. */
export const spentNow: Sql = sql`case when b.window_start < budget_window(b.period) then 0 else b.spent end`;

/** True where budget `b` lets something more be assigned. */
export const hasRoom: Sql = sql`(b.deleted_at is not null or ${spentNow} + b.reserved < b.cap)`;

/** The greatest number that JavaScript counts exactly: what would go past it stays there. */
export const maxCount: Sql = sql`9007199254740991`;
