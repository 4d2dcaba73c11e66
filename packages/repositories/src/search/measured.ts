import type { Collection, SearchStep } from "@devmesh/models";
import type { Queryable } from "../database/database.ts";
import { type Sql, sql } from "../database/sql.ts";

/** What a statement found, and, where it was asked for, Postgres's plan of it. */
export interface Planned<Row> {
  readonly rows: readonly Row[];
  readonly plan: readonly string[];
}

/** Runs a statement; with `explain` once more for its plan with times. */
export async function runPlanned<Row>(tx: Queryable, statement: Sql, explain: boolean): Promise<Planned<Row>> {
  const { rows } = await tx.query<Row>(statement);
  if (!explain) return { rows, plan: [] };
  const plan = await tx.query<{ readonly "QUERY PLAN": string }>(sql`explain (analyze) ${statement}`);
  return { rows, plan: plan.rows.map((row) => withoutVectors(row["QUERY PLAN"])) };
}

/** A plan repeats the query's vector wherever it is compared. */
function withoutVectors(line: string): string {
  return line.replace(/'\[[^\]]{80,}\]'/g, "'[…]'");
}

/** What is told of one method in one collection. */
export function toStep(
  { id }: Collection,
  {
    method,
    strategy,
    found,
    started,
    plan,
  }: Omit<SearchStep, "collectionId" | "tookMs"> & { readonly started: number },
): SearchStep {
  const tookMs = Math.round((performance.now() - started) * 100) / 100;
  return { collectionId: id, method, strategy, found, tookMs, ...(plan !== undefined && plan.length > 0 && { plan }) };
}
