import { type Sql, sql } from "../database/sql.ts";

/** True where slot `s` has no place for one more task, whether its agent is connected or not. */
export const isBusy: Sql = sql`(not s.offerable or s.slow or s.in_flight + s.awaited >= s.max_concurrency)`;

/** True where a task may be pushed to the agent of slot `s` now. */
export const hasFreeSlot: Sql = sql`s.connection_id is not null and not ${isBusy}`;

/** True where the agent of slot `s` claims its tasks: such a slot has a presence, lapsed or not, and no connection. */
export const isPull: Sql = sql`s.connection_id is null and s.present_until is not null`;

/** True where the agent of slot `s` may claim a task now. */
export const mayClaim: Sql = sql`${isPull} and not ${isBusy}`;

/** True where neither a connection nor a presence that lasts says that the agent of slot `s` is there. */
export const isAway: Sql = sql`s.connection_id is null and (s.present_until is null or s.present_until <= now())`;
