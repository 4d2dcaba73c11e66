import { expect, test } from "vitest";
import { joinSql, type Sql, sql, unnest } from "./sql.ts";

const shape = ({ text, values }: Sql): unknown => [text, values];

test("a value becomes a parameter", () => {
  expect(shape(sql`select ${1}, ${"it's; drop table task"}`)).toEqual([
    "select $1, $2",
    ["1", "it's; drop table task"],
  ]);
});

test("a fragment is spliced and its parameters are numbered anew", () => {
  const columns = sql`id, title`;
  const condition = sql`state = ${"queued"} and priority > ${3}`;
  const statement = sql`select ${columns} from task where tenant_id = ${"t"} and ${condition} limit ${10}`;
  expect(shape(statement)).toEqual([
    "select id, title from task where tenant_id = $1 and state = $2 and priority > $3 limit $4",
    ["t", "queued", "3", "10"],
  ]);
  expect(shape(sql`select exists (${statement})`)).toEqual([`select exists (${statement.text})`, statement.values]);
});

test("a fragment without text leaves nothing behind", () => {
  expect(shape(sql`select 1${sql``}`)).toEqual(["select 1", []]);
  expect(shape(sql`${sql`select ${1}`}`)).toEqual(["select $1", ["1"]]);
});

test("a backslash in a statement stays what the program means by it", () => {
  expect(sql`select '\\'`.text).toBe("select '\\'");
});

test("what only looks like a fragment is refused", () => {
  const forged: unknown = { text: "drop table task", values: [] };
  expect(() => sql`select ${forged as Sql}`).toThrow(/an object is no parameter/);
});

test.each([
  [undefined, null],
  [null, null],
  [true, "true"],
  [12n, "12"],
  [-0.5, "-0.5"],
  [new Date(1_700_000_000_123), "2023-11-14T22:13:20.123Z"],
  [[], "{}"],
  [["a", null, undefined, 'q"\\\n,{}', "NULL"], '{"a",NULL,NULL,"q\\"\\\\\n,{}","NULL"}'],
  [[1, 2], '{"1","2"}'],
])("%o is sent as %o", (value, parameter) => {
  expect(sql`select ${value}`.values).toEqual([parameter]);
});

test("a number that is not finite is refused", () => {
  expect(() => sql`select ${Number.NaN}`).toThrow(/parameter NaN is not a finite number/);
  expect(() => sql`select ${[1, Number.POSITIVE_INFINITY]}`).toThrow(/not a finite number/);
});

test("fragments are joined by a fragment", () => {
  const joined = joinSql([sql`a = ${1}`, sql`b`, sql`c = ${2}`], sql` and `);
  expect(shape(joined)).toEqual(["a = $1 and b and c = $2", ["1", "2"]]);
  expect(shape(joinSql([], sql`, `))).toEqual(["", []]);
});

test("unnest carries a column in one parameter", () => {
  const rows = unnest(["uuid", ["x", null]], ["text", ["a", "b"]]);
  expect(shape(sql`select * from ${rows} as row (id, title)`)).toEqual([
    "select * from unnest($1::uuid[], $2::text[]) as row (id, title)",
    ['{"x",NULL}', '{"a","b"}'],
  ]);
});

test("columns of different length are refused", () => {
  expect(() => unnest(["uuid", ["x"]], ["text", []])).toThrow(/text\[\] has 0 values, the first has 1/);
});
