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
  switch (filter.op) {
    case "and":
      return filter.filters.map((one) => `(${filterPath(one)})`).join(" && ");
    case "or":
      return filter.filters.map((one) => `(${filterPath(one)})`).join(" || ");
    case "not":
      return negated(filterPath(filter.filter));
    case "exists":
      return `exists(${place(filter.path)} ? (@ != null))`;
    case "eq":
      return compare(filter.path, "==", filter.value);
    case "in":
      return filter.values.map((value) => `(${compare(filter.path, "==", value)})`).join(" || ");
    case "gt":
      return compare(filter.path, ">", filter.value);
    case "gte":
      return compare(filter.path, ">=", filter.value);
    case "lt":
      return compare(filter.path, "<", filter.value);
    case "lte":
      return compare(filter.path, "<=", filter.value);
  }
}

/** A comparison of unlike types is unknown, and so would be its negation: it is made false before. */
function negated(path: string): string {
  return `!((${path}) && !((${path}) is unknown))`;
}

function compare(path: readonly string[], operator: string, value: MetadataValue): string {
  return `${place(path)} ${operator} ${JSON.stringify(value)}`;
}

function place(path: readonly string[]): string {
  return `$${path.map((key) => `.${JSON.stringify(key)}`).join("")}`;
}
