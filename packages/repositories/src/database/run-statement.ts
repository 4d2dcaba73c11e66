import { createHash } from "node:crypto";
import type pg from "pg";
import type { QueryResult } from "./database.ts";
import { toDatabaseError } from "./database-errors.ts";
import { sendTogether } from "./send-together.ts";
import type { Sql } from "./sql.ts";

/** More texts than a program has; past it a statement is still right, but planned anew each time. Judgement. */
const maxStatementNames = 1000;

/** Names for prepared statements by their text, the same on every connection; `undefined` when there are too many. */
export type StatementNames = (text: string) => string | undefined;

export function createStatementNames(): StatementNames {
  const namesByText = new Map<string, string>();
  return (text) => {
    const known = namesByText.get(text);
    if (known !== undefined || namesByText.size >= maxStatementNames) return known;
    const name = createHash("sha256").update(text).digest("base64url").slice(0, 22);
    namesByText.set(text, name);
    return name;
  };
}

/** Runs one statement, prepared under its name, and gives rows as plain objects. Errors are translated. */
export async function runStatement<Row>(
  client: pg.ClientBase,
  names: StatementNames,
  statement: Sql,
): Promise<QueryResult<Row>> {
  const { text, values } = statement;
  try {
    const name = names(text);
    sendTogether(client);
    const result = await client.query({ text, values: [...values], ...(name !== undefined && { name }) });
    return { rows: result.rows, rowCount: result.rowCount ?? 0 };
  } catch (error) {
    throw toDatabaseError(error);
  }
}
