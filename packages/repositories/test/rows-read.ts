import type { TenantId } from "@devmesh/models";
import type { Database, Queryable } from "../src/database/database.ts";
import { type Sql, sql } from "../src/database/sql.ts";

interface PlanNode {
  readonly "Relation Name"?: string;
  readonly "Actual Rows": number;
  readonly "Actual Loops": number;
  readonly "Rows Removed by Filter"?: number;
  readonly Plans?: readonly PlanNode[];
}

/** Rows that a statement touches in tables, those that it leaves out again included. It is carried out. */
export async function rowsRead(database: Database, tenantId: TenantId, statement: Sql): Promise<number> {
  const scope = { role: "devmesh_app", tenants: [tenantId], plans: "by_index" } as const;
  return database.transaction(scope, (tx) => rowsReadPlainly(tx, statement));
}

/** The same for a statement without a transaction, and with all ways of the planner. */
export async function rowsReadPlainly(database: Queryable, statement: Sql): Promise<number> {
  const { rows } = await database.query<{ "QUERY PLAN": readonly { readonly Plan: PlanNode }[] }>(
    sql`explain (analyze, format json) ${statement}`,
  );
  return (rows[0]?.["QUERY PLAN"] ?? []).reduce((sum, { Plan }) => sum + countRows(Plan), 0);
}

function countRows(node: PlanNode): number {
  const below = (node.Plans ?? []).reduce((sum, plan) => sum + countRows(plan), 0);
  if (node["Relation Name"] === undefined) return below;
  return below + (node["Actual Rows"] + (node["Rows Removed by Filter"] ?? 0)) * node["Actual Loops"];
}

/** The first statement that `run` would send, also within a transaction. */
export async function capture(run: (database: Database) => Promise<unknown>): Promise<Sql> {
  const sent: Sql[] = [];
  const query = async (statement: Sql) => {
    sent.push(statement);
    return { rows: [], rowCount: 0 };
  };
  const fake = {
    query,
    queryAs: (_: unknown, statement: Sql) => query(statement),
    transaction: (_: unknown, work: (tx: { query: typeof query }) => Promise<unknown>) => work({ query }),
  };
  await run(fake as unknown as Database);
  const [statement] = sent;
  if (statement === undefined) throw new Error("nothing was sent");
  return statement;
}
