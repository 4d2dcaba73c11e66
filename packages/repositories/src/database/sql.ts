import { assert } from "@devmesh/models";
import { encodeArray, encodeElement, type SqlElement } from "./sql-array.ts";

/** A value that becomes a parameter. `undefined` is SQL's null; an array becomes a Postgres array. */
export type SqlValue = SqlElement | readonly SqlElement[];

/** One parameter as it goes over the wire: always text, whose type Postgres infers or a cast names. */
export type SqlParameter = string | null;

/** The types of column that {@link unnest} can carry. Closed, because the name goes into the statement's text. */
export type ColumnType =
  | "uuid"
  | "text"
  | "smallint"
  | "int"
  | "bigint"
  | "double precision"
  | "boolean"
  | "timestamptz"
  | "json"
  | "jsonb";

/** One column of {@link unnest}: its type in Postgres, and a value a row. */
export type Column = readonly [type: ColumnType, values: readonly SqlElement[]];

/**
 * A statement, or a fragment of one. Made by {@link sql} alone, so its text comes from source code and never from a value.
 */
export class Sql {
  readonly #strings: readonly string[];
  readonly #values: readonly SqlParameter[];
  #text: string | undefined;

  private constructor(strings: readonly string[], values: readonly SqlParameter[]) {
    this.#strings = strings;
    this.#values = values;
  }

  /** With `$1`, `$2`, … in place of the values. */
  get text(): string {
    this.#text ??= this.#strings.reduce((text, part, index) => `${text}$${index}${part}`);
    return this.#text;
  }

  get values(): readonly SqlParameter[] {
    return this.#values;
  }

  /** For {@link sql} and {@link joinSql}; splices what is a fragment, numbers what is a value. */
  static compose(strings: readonly string[], parts: readonly (Sql | SqlValue)[]): Sql {
    const texts = [strings[0] ?? ""];
    const values: SqlParameter[] = [];
    for (const [index, part] of parts.entries()) {
      const following = strings[index + 1] ?? "";
      if (part instanceof Sql) {
        texts[texts.length - 1] += part.#strings[0] ?? "";
        texts.push(...part.#strings.slice(1));
        values.push(...part.#values);
        texts[texts.length - 1] += following;
      } else {
        values.push(toParameter(part));
        texts.push(following);
      }
    }
    return new Sql(texts, values);
  }
}

/**
 * The tag every statement is written with. A value becomes a parameter, a fragment is spliced, its parameters numbered
 * anew. There is no way to interpolate raw text. Users' JSON is passed as text and cast: `${JSON.stringify(input)}::json`.
 */
export function sql(strings: TemplateStringsArray, ...parts: readonly (Sql | SqlValue)[]): Sql {
  return Sql.compose(strings, parts);
}

/** Joins fragments, such as conditions with `` sql` and ` ``. Nothing to join gives the empty fragment. */
export function joinSql(fragments: readonly Sql[], separator: Sql): Sql {
  const parts = fragments.flatMap((fragment, index) => (index === 0 ? [fragment] : [separator, fragment]));
  return Sql.compose(new Array<string>(parts.length + 1).fill(""), parts);
}

/**
 * A set of rows for a multi-row write, one array a column, however many rows:
 * `` sql`from ${unnest(["uuid", ids], ["text", titles])} as row (id, title)` ``. All columns are of one length.
 */
export function unnest(...columns: readonly [Column, ...Column[]]): Sql {
  const rowCount = columns[0][1].length;
  for (const [type, values] of columns) {
    assert(values.length === rowCount, `a column ${type}[] has ${values.length} values, the first has ${rowCount}`);
  }
  const casts = columns.map(([type], index) => `::${type}[]${index === columns.length - 1 ? ")" : ", "}`);
  return Sql.compose(
    ["unnest(", ...casts],
    columns.map(([, values]) => values),
  );
}

function toParameter(value: SqlValue): SqlParameter {
  if (isArray(value)) return encodeArray(value);
  return encodeElement(value);
}

function isArray(value: SqlValue): value is readonly SqlElement[] {
  return Array.isArray(value);
}
