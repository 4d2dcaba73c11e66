import type { MetadataFilter, MetadataValue } from "@devmesh/models";

/**
 * A filter as a predicate of SQL/JSON path, for `metadata @@ …::jsonpath`: one parameter, whatever the filter, and
 * `document_metadata` finds what must be equal. What each condition means:
 *
 * - A path goes through objects by key, and through lists: `authors.name` is the name of any of the authors. A value that
 *   is a list counts by its elements, one level of them, so `eq` on a list means that it contains the value.
 * - `eq` and `in` compare values of one type: 1 is not "1". A range compares numbers with numbers, strings with strings by
 *   code point, and is false for what is of another type.
 * - `exists` is true where there is any value but null; an empty list is none.
 * - A condition is true or false, never unknown, so `not` is true of all that its filter is not: of documents that lack the
 *   field, or have null or another type in it, too.
 *
 * @see https://www.postgresql.org/docs/17/functions-json.html#FUNCTIONS-SQLJSON-PATH, lax mode
 */
export function filterPath(filter: MetadataFilter): string {
  return toPath(filter, true);
}

/** `holds`: whether the filter must be true, or false. It is carried down to the conditions, so that none is written twice. */
function toPath(filter: MetadataFilter, holds: boolean): string {
  switch (filter.op) {
    case "and":
    case "or": {
      const parts = filter.filters.map((one) => toPath(one, holds));
      return join(parts, (filter.op === "and") === holds ? "&&" : "||");
    }
    case "not":
      return toPath(filter.filter, !holds);
    case "exists":
      return `${holds ? "" : "!"}exists(${place(filter.path)} ? (@ != null))`;
    case "in": {
      const parts = filter.values.map((value) => compare({ ...filter, operator: "==", value }, holds));
      return join(parts, holds ? "||" : "&&");
    }
    default:
      return compare({ ...filter, operator: operators[filter.op] }, holds);
  }
}

const operators = { eq: "==", gt: ">", gte: ">=", lt: "<", lte: "<=" } as const;

function join(parts: readonly string[], operator: "&&" | "||"): string {
  return parts.map((part) => `(${part})`).join(` ${operator} `);
}

interface Comparison {
  readonly path: readonly string[];
  readonly operator: string;
  readonly value: MetadataValue;
}

/** A comparison of unlike types is unknown, and so would be its negation. */
function compare({ path, operator, value }: Comparison, holds: boolean): string {
  const comparison = `${place(path)} ${operator} ${JSON.stringify(value)}`;
  return holds ? comparison : `!(${comparison}) || (${comparison}) is unknown`;
}

function place(path: readonly string[]): string {
  return `$${path.map((key) => `.${JSON.stringify(key)}`).join("")}`;
}
