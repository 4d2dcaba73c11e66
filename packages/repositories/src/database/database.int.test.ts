import type { TenantId } from "@devmesh/models";
import { createTestDatabase, givenServices, waitFor } from "@devmesh/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { migrate, migrationsDir } from "../migrate.ts";
import type { Database } from "./database.ts";
import { violatedConstraint } from "./database-errors.ts";
import { openPglite } from "./drivers/pglite.ts";
import { openPostgres } from "./drivers/postgres.ts";
import { type ColumnType, type SqlValue, sql, unnest } from "./sql.ts";

const { databaseUrl } = givenServices();
const engine = { role: "devmesh_engine" } as const;
const tenantA = "018f0000-0000-7000-8000-00000000000a" as TenantId;
const tenantB = "018f0000-0000-7000-8000-00000000000b" as TenantId;

/** A table of this test's own, with row-level security as all tables have it. */
const schema = `
  create table sample (
    id uuid primary key,
    tenant_id uuid not null,
    name text constraint sample_name_key unique,
    payload json
  );
  alter table sample enable row level security;
  create policy tenant on sample to devmesh_app
    using (tenant_id = any (string_to_array(nullif(current_setting('devmesh.tenants', true), ''), ',')::uuid[]));
  create policy engine on sample to devmesh_engine using (true);
  grant select, insert, update, delete on sample to devmesh_app, devmesh_engine;
`;

async function openTestPostgres(stack: AsyncDisposableStack): Promise<Database> {
  const copy = stack.use(
    await createTestDatabase({
      url: databaseUrl ?? "",
      migrationsDir,
      migrate: async (url) => {
        await using database = openPostgres({ url });
        await migrate(database);
      },
    }),
  );
  return stack.use(openPostgres({ url: copy.url, maxConnections: 4 }));
}

async function openTestPglite(stack: AsyncDisposableStack): Promise<Database> {
  const database = stack.use(await openPglite());
  await migrate(database);
  return database;
}

describe.skipIf(databaseUrl === undefined)("postgres", () => describeDatabase("postgres", openTestPostgres));
describe("pglite", () => describeDatabase("pglite", openTestPglite));

function describeDatabase(kind: string, open: (stack: AsyncDisposableStack) => Promise<Database>): void {
  let database: Database;
  const stack = new AsyncDisposableStack();
  beforeAll(async () => {
    database = await open(stack);
    await database.ownerSession((session) => session.runScript(schema));
  });
  afterAll(() => stack.disposeAsync());
  const one = async (expression: ReturnType<typeof sql>): Promise<unknown> => {
    const { rows } = await database.query<{ value: unknown }>(sql`select ${expression} as value`);
    return rows[0]?.value;
  };

  test("says what it is", () => expect(database.kind).toBe(kind));

  test.each<[string, SqlValue, unknown]>([
    ["bigint", Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
    ["int", -1, -1],
    ["double precision", 0.1, 0.1],
    ["boolean", false, false],
    ["text", "line\nend \\ \" ' \u{1f600}", "line\nend \\ \" ' \u{1f600}"],
    ["uuid", tenantA, tenantA],
    ["timestamptz", new Date("2026-03-29T01:30:00.123Z"), new Date("2026-03-29T01:30:00.123Z")],
    ["text", null, null],
    ["numeric", "1.10", "1.10"],
  ])("reads %s as it was sent", async (type, value, expected) => {
    // No way to say a type by its name in the tag: that is its point.
    const strings = Object.assign(["", `::${type}`], { raw: [] });
    expect(await one(sql(strings, value))).toEqual(expected);
  });

  test.each<[ColumnType, readonly SqlValue[], readonly unknown[]]>([
    ["uuid", [tenantA, null, tenantB], [tenantA, null, tenantB]],
    ["bigint", [1, null, 2n ** 53n - 1n], [1, null, 2 ** 53 - 1]],
    ["int", [1, null], [1, null]],
    ["boolean", [true, null, false], [true, null, false]],
    ["timestamptz", [new Date(0), null], [new Date(0), null]],
    ["text", [], []],
    [
      "text",
      ["", "NULL", null, 'a"b', "a\\b", "{a,b}", " a ", "a\r\nb"],
      ["", "NULL", null, 'a"b', "a\\b", "{a,b}", " a ", "a\r\nb"],
    ],
  ])("carries %s[] there and back, nulls in it", async (type, values, expected) => {
    const column = [type, values as never] as const;
    const { rows } = await database.query<{ value: unknown }>(sql`
      select array_agg(value order by position) as value
      from ${unnest(column)} with ordinality as row (value, position)
    `);
    expect(rows[0]?.value ?? []).toEqual(expected);
  });

  test("users' JSON survives whole, in many rows at once", async () => {
    const payloads = [
      '{"__proto__": {"a": 1}, "b": "quote \\" backslash \\\\ line\\nend"}',
      '"\\u0000 and \\ud800"',
      "[1.0, null, {}]",
      "null",
    ];
    const ids = payloads.map((_, index) => `018f0000-0000-7000-8000-0000000001${String(index).padStart(2, "0")}`);
    await database.query(sql`
      insert into sample (id, tenant_id, payload)
      select id, ${tenantA}::uuid, payload::json
      from ${unnest(["uuid", ids], ["text", payloads])} as row (id, payload)
    `);
    const { rows } = await database.query<{ payload: unknown; raw: string }>(sql`
      select payload, payload::text as raw from sample where id = any(${ids}::uuid[]) order by id
    `);
    expect(rows.map(({ raw }) => raw)).toEqual(payloads);
    expect(rows.map(({ payload }) => payload)).toEqual(payloads.map((payload) => JSON.parse(payload)));
    expect(Object.keys(rows[0]?.payload as object)).toContain("__proto__");
    expect(await one(sql`'{"a": [1]}'::jsonb`)).toEqual({ a: [1] });
    expect(await one(sql`array['{"a": "x,y"}', '1']::json[]`)).toEqual([{ a: "x,y" }, 1]);
  });

  test("a bigint beyond the safe integers fails", async () => {
    await expect(one(sql`9007199254740993::bigint`)).rejects.toMatchObject({
      code: "internal",
      message: "assertion failed: bigint 9007199254740993 exceeds the safe integers",
    });
    expect(await one(sql`1`)).toBe(1);
  });

  test("counts the rows that a write changed", async () => {
    const none = await database.query(sql`update sample set name = 'x' where id = ${tenantB}::uuid`);
    expect(none.rowCount).toBe(0);
  });

  test("an error has its code, its constraint, and leaves the connection usable", async () => {
    const insert = (id: string): Promise<unknown> =>
      database.query(sql`insert into sample (id, tenant_id, name) values (${id}, ${tenantA}, 'twice')`);
    await insert("018f0000-0000-7000-8000-000000000201");
    const error: unknown = await insert("018f0000-0000-7000-8000-000000000202").catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: "conflict", reason: "already_exists" });
    expect(violatedConstraint(error)).toBe("sample_name_key");
    await expect(one(sql`${"no uuid"}::uuid`)).rejects.toMatchObject({
      code: "invalid_argument",
      message: 'invalid input syntax for type uuid: "no uuid"',
    });
    await expect(one(sql`${"\0"}::text`)).rejects.toMatchObject({ code: "invalid_argument" });
    await expect(one(sql`nothing`)).rejects.toMatchObject({ code: "internal" });
    expect(await one(sql`1`)).toBe(1);
  });

  test("a transaction has role, tenants and time, and only its own rows", async () => {
    const insertAs = (id: string, tenant: TenantId): Promise<unknown> =>
      database.query(sql`insert into sample (id, tenant_id) values (${id}, ${tenant})`);
    await insertAs("018f0000-0000-7000-8000-000000000301", tenantA);
    await insertAs("018f0000-0000-7000-8000-000000000302", tenantB);
    const count = (tenants: readonly TenantId[]): Promise<number | undefined> =>
      database.transaction({ role: "devmesh_app", tenants }, async (tx) => {
        const { rows } = await tx.query<{ count: number; now: Date; role: string }>(sql`
          select count(*), now()::timestamptz(3) as now, current_user as role
          from sample
          where id in ('018f0000-0000-7000-8000-000000000301', '018f0000-0000-7000-8000-000000000302')
        `);
        expect(rows[0]).toMatchObject({ now: tx.now, role: "devmesh_app" });
        return rows[0]?.count;
      });
    expect(await count([tenantA])).toBe(1);
    expect(await count([tenantA, tenantB])).toBe(2);
    expect(await count([])).toBe(0);
    expect(
      await one(sql`current_user = 'postgres' and coalesce(current_setting('devmesh.tenants', true), '') = ''`),
    ).toBe(true);
  });

  test("a tenant that is no uuid never reaches the database", async () => {
    const tenants = ["'; drop table sample; --" as TenantId];
    await expect(database.transaction({ role: "devmesh_app", tenants }, async () => 1)).rejects.toThrow(/is no uuid/);
  });

  test("throwing rolls back, and the error comes through as it is", async () => {
    const failure = new Error("changed my mind");
    const write = database.transaction(engine, async (tx) => {
      await tx.query(sql`insert into sample (id, tenant_id) values (${tenantB}, ${tenantB})`);
      throw failure;
    });
    await expect(write).rejects.toBe(failure);
    expect(await one(sql`(select count(*) from sample where id = ${tenantB}::uuid)`)).toBe(0);
  });

  test("an error that was swallowed doesn't pass for a commit", async () => {
    const write = database.transaction(engine, async (tx) => {
      await tx.query(sql`select 1 / 0`).catch(() => undefined);
    });
    await expect(write).rejects.toThrow(/its error was not passed on/);
  });

  test("statements behind one that failed fail as it did", async () => {
    const errors: unknown[] = [];
    const write = database.transaction(engine, async (tx) => {
      const keep = (error: unknown): void => void errors.push(error);
      await Promise.all(
        [tx.query(sql`select ${"x"}::text::int`), tx.query(sql`select 1`)].map((one) => one.catch(keep)),
      );
      throw errors[1];
    });
    await expect(write).rejects.toMatchObject({
      code: "invalid_argument",
      message: expect.stringContaining("invalid input syntax") as string,
    });
    expect(errors).toHaveLength(2);
  });

  test("statements of a transaction may be sent together", async () => {
    const values = await database.transaction(engine, (tx) =>
      Promise.all([1, 2, 3].map(async (value) => (await tx.query(sql`select ${value}::int as value`)).rows[0])),
    );
    expect(values).toEqual([{ value: 1 }, { value: 2 }, { value: 3 }]);
  });

  test("the database inside a transaction is a failed assertion, and after it is not", async () => {
    const used = /used inside a transaction/;
    let later: Promise<unknown> = Promise.resolve();
    const ended = Promise.withResolvers<void>();
    await database.transaction(engine, async (tx) => {
      await expect(database.query(sql`select 1`)).rejects.toThrow(used);
      await expect(database.transaction(engine, async () => 1)).rejects.toThrow(used);
      await expect(database.notify("nested", "")).rejects.toThrow(used);
      later = ended.promise.then(() => database.query(sql`select ${"later"} as value`));
      await tx.query(sql`select 1`);
    });
    ended.resolve();
    await expect(later).resolves.toMatchObject({ rows: [{ value: "later" }] });
  });

  test("a statement after the end of its transaction is a failed assertion", async () => {
    const leaked = await database.transaction(engine, async (tx) => ({ tx }));
    await expect(leaked.tx.query(sql`select 1`)).rejects.toThrow(/after the end of its transaction/);
  });

  test("many callers at once are all served", async () => {
    const values = await Promise.all(
      Array.from({ length: 30 }, (_, value) =>
        value % 2 === 0
          ? one(sql`${value}::int`)
          : database.transaction(engine, async (tx) => {
              const { rows } = await tx.query<{ value: number }>(sql`select ${value}::int as value`);
              return rows[0]?.value;
            }),
      ),
    );
    expect(values).toEqual(Array.from({ length: 30 }, (_, value) => value));
  });

  test("who listens hears, in their own context, until they stop", async () => {
    const stop = new AbortController();
    const heard: string[] = [];
    const answers: Promise<unknown>[] = [];
    await database.listen(
      "hint",
      (payload) => {
        heard.push(payload);
        answers.push(database.query(sql`select 1`));
      },
      stop.signal,
    );
    await database.notify("hint", 'first "quoted" \u{1f600}');
    await database.transaction(engine, (tx) => tx.query(sql`select pg_notify('hint', 'second')`));
    await database.notify("other", "not for us");
    await waitFor(() => heard.length === 2);
    expect(heard).toEqual(['first "quoted" \u{1f600}', "second"]);
    await expect(Promise.all(answers)).resolves.toHaveLength(2);
    stop.abort();
    await database.notify("hint", "third");
    await one(sql`1`);
    expect(heard).toHaveLength(2);
  });

  test("a channel that is no plain name, and a payload too long, are refused", async () => {
    await expect(database.notify('a"b', "")).rejects.toThrow(/is no plain name/);
    await expect(database.notify("hint", "x".repeat(8000))).rejects.toThrow(/8000 bytes exceeds the limit of 7999/);
  });

  test("large values go both ways", async () => {
    const text = "x".repeat(3_000_000);
    expect(await one(sql`${text}::text || 'y'`)).toBe(`${text}y`);
  });

  test("has pgvector", async () => {
    expect(await one(sql`'[1,0]'::vector <=> '[0,1]'::vector`)).toBe(1);
  });
}
