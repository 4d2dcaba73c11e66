import type { MetadataFilter, MetadataValue } from "@devmesh/models";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { describeOnBoth, type OpenDatabase } from "../../test/fixture.ts";
import type { Database } from "../database/database.ts";
import { sql } from "../database/sql.ts";
import { filterPath } from "./filter-path.ts";

describeOnBoth(describeFilters);

type Json = unknown;

/** What a path leads to: through objects by key, and through one list at each key. */
function valuesAt(metadata: Json, path: readonly string[]): readonly Json[] {
  let items: readonly Json[] = [metadata];
  for (const key of path) items = items.flatMap(unwrap).flatMap((item) => (hasKey(item, key) ? [item[key]] : []));
  return items;
}

function unwrap(value: Json): readonly Json[] {
  return Array.isArray(value) ? value : [value];
}

function hasKey(value: Json, key: string): value is Record<string, Json> {
  return typeof value === "object" && value !== null && !Array.isArray(value) && Object.hasOwn(value, key);
}

function byCodePoint(a: string, b: string): number {
  const [left, right] = [Array.from(a), Array.from(b)];
  const at = left.findIndex((one, index) => one !== right[index]);
  if (at < 0) return left.length - right.length;
  return (left[at]?.codePointAt(0) ?? -1) - (right[at]?.codePointAt(0) ?? -1);
}

function order(value: Json, bound: MetadataValue): number | undefined {
  if (typeof value === "number" && typeof bound === "number") return value - bound;
  return typeof value === "string" && typeof bound === "string" ? byCodePoint(value, bound) : undefined;
}

const ranges: Readonly<Record<string, (order: number) => boolean>> = {
  gt: (one) => one > 0,
  gte: (one) => one >= 0,
  lt: (one) => one < 0,
  lte: (one) => one <= 0,
};

/** What a filter means, without SQL. */
function matches(metadata: Json, filter: MetadataFilter): boolean {
  switch (filter.op) {
    case "and":
      return filter.filters.every((one) => matches(metadata, one));
    case "or":
      return filter.filters.some((one) => matches(metadata, one));
    case "not":
      return !matches(metadata, filter.filter);
    case "exists":
      return valuesAt(metadata, filter.path)
        .flatMap(unwrap)
        .flatMap(unwrap)
        .some((one) => one !== null);
    case "eq":
      return valuesAt(metadata, filter.path).flatMap(unwrap).includes(filter.value);
    case "in":
      return filter.values.some((value) => matches(metadata, { op: "eq", path: filter.path, value }));
    default: {
      const passes = ranges[filter.op] ?? (() => false);
      const orders = valuesAt(metadata, filter.path)
        .flatMap(unwrap)
        .map((one) => order(one, filter.value));
      return orders.some((one) => one !== undefined && passes(one));
    }
  }
}

const keys = ["a", "b", 'it"s', "ключ", "$x", "0"];
const texts = ["", "a", "b", "ab", "é", "\u{1f600}", "\uffee", 'quo"te', "back\\slash", "$.a", "1"];
const numbers = [-1.5, -1, 0, 1, 2, 1e21, 0.1];
const aKey = fc.constantFrom(...keys);
const aPath = fc.array(aKey, { minLength: 1, maxLength: 2 });
const aBound = fc.oneof(fc.constantFrom(...texts), fc.constantFrom(...numbers));
const aValue = fc.oneof(aBound, fc.boolean());
const { json } = fc.letrec<{ json: Json }>((tie) => ({
  json: fc.oneof(
    { maxDepth: 3 },
    { weight: 4, arbitrary: aValue },
    { weight: 1, arbitrary: fc.constant(null) },
    { weight: 2, arbitrary: fc.array(tie("json"), { maxLength: 3 }) },
    { weight: 2, arbitrary: fc.dictionary(aKey, tie("json"), { maxKeys: 3 }) },
  ),
}));
const aDocument = fc.dictionary(aKey, json, { maxKeys: 4 });
const { filter: aFilter } = fc.letrec<{ filter: MetadataFilter }>((tie) => ({
  filter: fc.oneof(
    { maxDepth: 3 },
    fc.record({ op: fc.constant("eq" as const), path: aPath, value: aValue }),
    fc.record({
      op: fc.constant("in" as const),
      path: aPath,
      values: fc.array(aValue, { minLength: 1, maxLength: 3 }),
    }),
    fc.record({ op: fc.constantFrom("gt", "gte", "lt", "lte"), path: aPath, value: aBound }),
    fc.record({ op: fc.constant("exists" as const), path: aPath }),
    fc.record({ op: fc.constant("not" as const), filter: tie("filter") }),
    fc.record({
      op: fc.constantFrom("and", "or"),
      filters: fc.array(tie("filter"), { minLength: 1, maxLength: 3 }),
    }),
  ),
}));

function describeFilters(open: OpenDatabase): void {
  let database: Database;
  const stack = new AsyncDisposableStack();
  beforeAll(async () => {
    database = await open(stack);
  });
  afterAll(() => stack.disposeAsync());

  /** Which of the documents Postgres lets pass. */
  async function passing(documents: readonly Json[], filter: MetadataFilter): Promise<readonly number[]> {
    const { rows } = await database.query<{ place: number }>(sql`
      select d.place from unnest(${documents.map((one) => JSON.stringify(one))}::jsonb[]) with ordinality as d (metadata, place)
      where d.metadata @@ ${filterPath(filter)}::jsonpath
      order by d.place`);
    return rows.map(({ place }) => place - 1);
  }

  test("any filter lets pass in SQL what it means", async () => {
    const sample = fc.array(aDocument, { minLength: 20, maxLength: 20 });
    await fc.assert(
      fc.asyncProperty(sample, aFilter, async (documents, filter) => {
        const meant = documents.flatMap((one, place) => (matches(one, filter) ? [place] : []));
        expect(await passing(documents, filter)).toEqual(meant);
      }),
      { numRuns: 300 },
    );
  });

  test("nesting makes it no longer than its conditions are", () => {
    const values = Array.from({ length: 200 }, (_, index) => `${index}`.padEnd(200, "x"));
    let filter: MetadataFilter = { op: "in", path: ["a"], values };
    const once = filterPath({ op: "not", filter }).length;
    for (let depth = 0; depth < 7; depth++) filter = { op: "not", filter };
    expect(filterPath(filter).length).toBe(once);
  });

  test("what each condition means", async () => {
    const documents = [
      { a: "x" },
      { a: ["x", "y"] },
      { a: 1 },
      { a: null },
      {},
      { a: [] },
      { a: [{ b: 2 }, { b: 9 }] },
    ];
    const a = ["a"];
    const cases: readonly (readonly [MetadataFilter, readonly number[]])[] = [
      [{ op: "eq", path: a, value: "x" }, [0, 1]],
      [{ op: "eq", path: a, value: "1" }, []],
      [{ op: "in", path: a, values: ["y", 1] }, [1, 2]],
      [{ op: "exists", path: a }, [0, 1, 2, 6]],
      [{ op: "not", filter: { op: "exists", path: a } }, [3, 4, 5]],
      [{ op: "not", filter: { op: "eq", path: a, value: "x" } }, [2, 3, 4, 5, 6]],
      [{ op: "not", filter: { op: "gt", path: a, value: 0 } }, [0, 1, 3, 4, 5, 6]],
      [{ op: "gt", path: ["a", "b"], value: 5 }, [6]],
      [{ op: "gte", path: a, value: "y" }, [1]],
    ];
    for (const [filter, meant] of cases)
      expect(await passing(documents, filter), JSON.stringify(filter)).toEqual(meant);
  });
}
