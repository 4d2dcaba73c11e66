import { AppError, type FieldProblem } from "../errors.ts";
import { isStorable, notStorable } from "../text.ts";
import {
  type MetadataField,
  type MetadataFilter,
  type MetadataType,
  type MetadataValue,
  metadataTypes,
} from "./metadata-filter.ts";

/** How deep `and`, `or` and `not` may nest. */
const maxDepth = 8;
/** The most conditions and groups of one filter, over all of its levels. */
const maxParts = 100;
/** The most values of one `in`. */
const maxValues = 200;
/** The longest text that is compared with, in UTF-16 units. */
const maxTextLength = 1_024;
/** The longest name of a field, and the most keys on its way. */
const maxFieldLength = 256;
const maxKeys = 8;

const lowerBounds = ["gt", "gte"] as const;
const upperBounds = ["lt", "lte"] as const;
const rangeOperators = [...lowerBounds, ...upperBounds] as const;
const operators: readonly string[] = ["eq", "in", "exists", ...rangeOperators];
const groups = ["and", "or", "not"] as const;

type Members = Readonly<Record<string, unknown>>;
interface Place {
  readonly at: string;
  readonly depth: number;
  readonly count: { parts: number };
}

/**
 * Parses a filter of metadata in its JSON form: `{"and": [filter, …]}`, `{"or": [filter, …]}`, `{"not": filter}`, or one
 * condition on a field, such as `{"field": "author.name", "eq": "Ada"}`, `{"field": "lang", "in": ["en", "de"]}`,
 * `{"field": "year", "gte": 2000, "lt": 2010}` or `{"field": "draft", "exists": false}`. A condition has one operator; only
 * a range may have two, one for each end.
 *
 * @param at prefix of the paths in `details`.
 * @throws AppError `invalid_argument`, its `details` naming the place of the first problem.
 */
export function parseFilter(input: unknown, at = "filter"): MetadataFilter {
  return parsePart(input, { at, depth: 1, count: { parts: 0 } });
}

/**
 * Refuses a filter that compares a field with another type of value than was ever seen in it. A field that was never
 * seen is let pass: it matches nothing yet.
 *
 * @throws AppError `invalid_argument` that names the field, what it holds and what it was compared with.
 */
export function assertFilterTypes(filter: MetadataFilter, fields: readonly MetadataField[]): void {
  const typesByPath = Map.groupBy(fields, ({ path }) => path);
  for (const { path, value } of comparisonsOf(filter)) {
    const field = path.join(".");
    const seen = (typesByPath.get(field) ?? []).flatMap(({ types }) => types);
    const type = typeOf(value);
    if (seen.length === 0 || type === undefined || seen.includes(type)) continue;
    const held = metadataTypes.filter((one) => seen.includes(one)).join(" or ");
    throw problem("filter", `the field ${JSON.stringify(field)} holds ${held}, and is compared with a ${type}`);
  }
}

function parsePart(input: unknown, place: Place): MetadataFilter {
  const { at, depth, count } = place;
  if (typeof input !== "object" || input === null || Array.isArray(input)) throw problem(at, "must be an object");
  if (depth > maxDepth) throw problem(at, `nests deeper than ${maxDepth} levels`);
  count.parts += 1;
  if (count.parts > maxParts) throw problem(at, `a filter may have ${maxParts} conditions and groups at most`);
  const members: Members = { ...input };
  const group = groups.find((name) => Object.hasOwn(members, name));
  if (group === undefined) return parseCondition(members, at);
  assertMembers(members, [group], at);
  const inside = { at: `${at}.${group}`, depth: depth + 1, count };
  if (group === "not") return { op: "not", filter: parsePart(members["not"], inside) };
  const filters = listOf(members[group], inside.at, maxParts);
  return { op: group, filters: filters.map((one, i) => parsePart(one, { ...inside, at: `${inside.at}[${i}]` })) };
}

function parseCondition(members: Members, at: string): MetadataFilter {
  assertMembers(members, ["field", ...operators], at);
  const path = parseField(members["field"], `${at}.field`);
  const given = operators.filter((name) => Object.hasOwn(members, name));
  const [operator] = given;
  if (operator === undefined) throw problem(at, `needs one of ${operators.join(", ")}`);
  if (isRange(operator)) return parseRange(members, path, { at, given });
  if (given.length > 1) throw problem(at, `has the operators ${given.join(" and ")}: one is allowed`);
  const value = members[operator];
  const place = `${at}.${operator}`;
  if (operator === "eq") return { op: "eq", path, value: parseValue(value, place) };
  if (operator === "in") {
    const values = listOf(value, place, maxValues);
    return { op: "in", path, values: values.map((one, i) => parseValue(one, `${place}[${i}]`)) };
  }
  if (typeof value !== "boolean") throw problem(place, "must be true or false");
  return value ? { op: "exists", path } : { op: "not", filter: { op: "exists", path } };
}

function parseRange(
  members: Members,
  path: readonly string[],
  { at, given }: { readonly at: string; readonly given: readonly string[] },
): MetadataFilter {
  const ends = given.filter(isRange);
  const isPair = ends.length === 2 && isLower(ends[0]) !== isLower(ends[1]);
  if (ends.length !== given.length || (ends.length !== 1 && !isPair)) {
    throw problem(at, `has the operators ${given.join(" and ")}: a range has one for each end`);
  }
  const bounds = ends.map((op) => ({ op, path, value: parseBound(members[op], `${at}.${op}`) }));
  const [first, second] = bounds;
  if (first !== undefined && second === undefined) return first;
  if (typeof first?.value !== typeof second?.value) throw problem(at, "the ends of a range must be of one type");
  return { op: "and", filters: bounds };
}

function parseField(field: unknown, at: string): readonly string[] {
  if (typeof field !== "string") throw problem(at, "must be a text: the keys from the top, joined by dots");
  if (field.length > maxFieldLength) throw problem(at, `is of ${field.length} characters, at most ${maxFieldLength}`);
  assertStorable(field, at);
  const keys = field.split(".");
  if (keys.includes("")) throw problem(at, "must not have an empty key");
  if (keys.length > maxKeys) throw problem(at, `has ${keys.length} keys, at most ${maxKeys}`);
  return keys;
}

function parseValue(value: unknown, at: string): MetadataValue {
  return typeof value === "boolean" ? value : parseBound(value, at, "a text, a number, true or false");
}

function parseBound(value: unknown, at: string, expected = "a text or a number"): string | number {
  if (typeof value === "number") {
    if (!Number.isFinite(value)) throw problem(at, `is ${value}: a number must be finite`);
    return value;
  }
  if (typeof value !== "string") throw problem(at, `must be ${expected}`);
  if (value.length > maxTextLength) throw problem(at, `is of ${value.length} characters, at most ${maxTextLength}`);
  assertStorable(value, at);
  return value;
}

function listOf(value: unknown, at: string, max: number): readonly unknown[] {
  if (!Array.isArray(value)) throw problem(at, "must be a list");
  if (value.length >= 1 && value.length <= max) return value;
  throw problem(at, `has ${value.length} members: it must have 1 to ${max}`);
}

function assertMembers(members: Members, known: readonly string[], at: string): void {
  const unknown = Object.keys(members).find((name) => !known.includes(name));
  if (unknown === undefined) return;
  throw problem(at, `unknown member ${JSON.stringify(unknown.slice(0, 80))}; known here: ${known.join(", ")}`);
}

function assertStorable(text: string, at: string): void {
  if (!isStorable(text)) throw problem(at, notStorable);
}

function isRange(operator: string): operator is (typeof rangeOperators)[number] {
  return rangeOperators.some((one) => one === operator);
}

function isLower(operator: string | undefined): boolean {
  return lowerBounds.some((one) => one === operator);
}

interface Comparison {
  readonly path: readonly string[];
  readonly value: MetadataValue;
}

function comparisonsOf(filter: MetadataFilter): readonly Comparison[] {
  switch (filter.op) {
    case "and":
    case "or":
      return filter.filters.flatMap(comparisonsOf);
    case "not":
      return comparisonsOf(filter.filter);
    case "exists":
      return [];
    case "in":
      return filter.values.map((value) => ({ path: filter.path, value }));
    case "eq":
    case "gt":
    case "gte":
    case "lt":
    case "lte":
      return [filter];
  }
}

function typeOf(value: MetadataValue): MetadataType | undefined {
  return metadataTypes.find((type) => type === typeof value);
}

function problem(path: string, message: string): AppError {
  const details: readonly FieldProblem[] = [{ path, message }];
  return new AppError("invalid_argument", `${path}: ${message}`, { details });
}
