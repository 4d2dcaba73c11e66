import { sql } from "../database/sql.ts";

/**
 * The first transaction id whose events may not be read yet. Every transaction below has ended, and what it wrote is seen:
 * nothing can appear any more before an event that is read. It never falls from one statement to the next.
 */
export const eventHorizon = sql`pg_snapshot_xmin(pg_current_snapshot())`;
