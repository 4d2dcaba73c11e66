import { type Sql, sql } from "../database/sql.ts";

/** True where slot `s` has no place for one more task, whether its agent is connected or not. */
export const isBusy: Sql = sql`(not s.offerable or s.slow or s.in_flight + s.awaited >= s.max_concurrency)`;

/** True where a task may be pushed to the agent of slot `s` now. */
export const hasFreeSlot: Sql = sql`s.connection_id is not null and not ${isBusy}`;
