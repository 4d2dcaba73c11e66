import { createServer, type Socket } from "node:net";
import { findFreePort, givenServices, type NativeServices, startServices, waitFor } from "@devmesh/testing";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { Database } from "../database.ts";
import { sql } from "../sql.ts";
import { openPostgres, type PostgresOptions } from "./postgres.ts";

describe.skipIf(givenServices().databaseUrl === undefined)("openPostgres, when the server", () => {
  let services: NativeServices;
  let opened: AsyncDisposableStack;
  beforeAll(async () => {
    services = await startServices({ fsync: false });
    await using database = openPostgres({ url: services.databaseUrl });
    await database.ownerSession((session) => session.runScript("create role devmesh_engine"));
    opened = new AsyncDisposableStack();
  });
  afterEach(async () => {
    await opened.disposeAsync();
    opened = new AsyncDisposableStack();
  });
  afterAll(() => services.stop());

  const open = (options: Partial<PostgresOptions> = {}): Database =>
    opened.use(openPostgres({ url: services.databaseUrl, ...options }));
  const select = (database: Database): Promise<unknown> => database.query(sql`select 1`);
  const unavailable = { code: "unavailable", message: "the database is not available" };

  test("is not there, says so at once", async () => {
    const database = open({ url: `postgres://postgres@127.0.0.1:${await findFreePort()}/postgres` });
    await expect(select(database)).rejects.toMatchObject(unavailable);
    await expect(database.transaction({ role: "devmesh_engine" }, async () => 1)).rejects.toMatchObject(unavailable);
    await expect(database.ownerSession(async () => 1)).rejects.toMatchObject(unavailable);
  });

  test("takes connections but never answers, gives up in time", async () => {
    const sockets: Socket[] = [];
    const silent = createServer((socket) => sockets.push(socket)).listen(0, "127.0.0.1");
    const port = await waitFor(() => {
      const address = silent.address();
      return address !== null && typeof address === "object" && address.port;
    });
    const database = open({ url: `postgres://postgres@127.0.0.1:${port}/postgres`, connectTimeoutMs: 200 });
    await expect(select(database)).rejects.toMatchObject(unavailable);
    for (const socket of sockets) socket.destroy();
    silent.close();
  });

  test("is being connected to, and takes the first channels, hears also those that are asked for meanwhile", async () => {
    const database = open();
    const stop = new AbortController();
    const heard = new Set<string>();
    const begun: Promise<void>[] = [];
    const channels = Array.from({ length: 1_000 }, (_, index) => `hint_${index}`);
    // one a turn of the event loop: some fall into the time in which the first are being taken
    for (const channel of channels) {
      begun.push(database.listen(channel, () => heard.add(channel), stop.signal));
      await new Promise((resolve) => void setImmediate(resolve));
    }
    await Promise.all(begun);
    for (const channel of channels) await database.notify(channel, "");
    await waitFor(() => heard.size === channels.length);
    stop.abort();
  });

  test("stops and starts, serves again by itself, listening included", async () => {
    const errors: Error[] = [];
    const database = open({ onConnectionError: (error) => errors.push(error) });
    const heard: string[] = [];
    const stopListening = new AbortController();
    await database.listen("hint", (payload) => heard.push(payload), stopListening.signal);
    await Promise.all([select(database), select(database)]);
    const caught = database.transaction({ role: "devmesh_engine" }, async (tx) => {
      await services.stopPostgres();
      await tx.query(sql`select 1`);
    });
    await expect(caught).rejects.toMatchObject(unavailable);
    await expect(select(database)).rejects.toMatchObject(unavailable);
    await services.startPostgres();
    await waitFor(() => select(database));
    await waitFor(async () => {
      await database.notify("hint", "back");
      return heard.includes("back");
    });
    expect(errors.length).toBeGreaterThan(0);
    stopListening.abort();
  });

  test("goes away between work and commit, says that the outcome is unknown", async () => {
    const database = open();
    const caught = database.transaction({ role: "devmesh_engine" }, () => services.stopPostgres());
    await expect(caught).rejects.toMatchObject({ code: "unavailable", reason: "commit_unknown" });
    await services.startPostgres();
    await waitFor(() => select(database));
  });

  test("ends a connection, loses only what ran on it", async () => {
    const database = open({ maxConnections: 2 });
    const other = open();
    const { rows } = await database.query<{ pid: number }>(sql`select pg_backend_pid() as pid`);
    const ended = expect(database.query(sql`select pg_sleep(30)`)).rejects.toMatchObject({ code: "unavailable" });
    await waitFor(async () => {
      const { rowCount } = await other.query(sql`
        select pg_terminate_backend(pid) from pg_stat_activity where pid = ${rows[0]?.pid} and wait_event = 'PgSleep'
      `);
      return rowCount === 1;
    });
    await ended;
    await select(database);
  });

  test("takes too long, is told to stop", async () => {
    const database = open({ statementTimeoutMs: 100 });
    await expect(database.query(sql`select pg_sleep(10)`)).rejects.toMatchObject({ code: "deadline_exceeded" });
    await select(database);
  });

  test("finds a deadlock, the victim may try again", async () => {
    const database = open();
    await database.query(sql`create table pair as select n from generate_series(1, 2) as n`);
    await database.query(sql`grant all on pair to devmesh_engine`);
    const bothHaveOne = new Barrier(2);
    const lockBoth = (order: readonly number[]): Promise<void> =>
      database.transaction({ role: "devmesh_engine" }, async (tx) => {
        for (const n of order) {
          await tx.query(sql`select n from pair where n = ${n}::int for update`);
          await bothHaveOne.arrive();
        }
      });
    const outcomes = await Promise.allSettled([lockBoth([1, 2]), lockBoth([2, 1])]);
    const reasons = outcomes.map((outcome) => (outcome.status === "rejected" ? outcome.reason : "done"));
    expect(reasons).toContainEqual("done");
    expect(reasons).toContainEqual(expect.objectContaining({ code: "conflict", reason: "serialization" }));
  });

  test("has all connections lent out, a further caller waits for the connect time-out only", async () => {
    const database = open({ maxConnections: 1, connectTimeoutMs: 1_000 });
    const gate = Promise.withResolvers<void>();
    const holding = database.transaction({ role: "devmesh_engine" }, async (tx) => {
      await tx.query(sql`select 1`);
      await gate.promise;
    });
    await expect(select(database)).rejects.toMatchObject(unavailable);
    gate.resolve();
    await holding;
    await select(database);
  });

  test("changes a table under a prepared statement, the next call is right again", async () => {
    const database = open({ maxConnections: 1 });
    await database.query(sql`create table widened as select 1 as first`);
    const read = (): Promise<unknown> => database.query(sql`select * from widened`);
    await read();
    await database.query(sql`alter table widened add column second int`);
    await expect(read()).rejects.toMatchObject({ code: "conflict", reason: "serialization" });
    await expect(read()).resolves.toMatchObject({ rows: [{ first: 1, second: null }] });
  });
});

/** Lets the first `count` callers go when all of them have come, and every later one at once. */
class Barrier {
  readonly #count: number;
  readonly #opened = Promise.withResolvers<void>();
  #arrived = 0;

  constructor(count: number) {
    this.#count = count;
  }

  arrive(): Promise<void> {
    this.#arrived += 1;
    if (this.#arrived >= this.#count) this.#opened.resolve();
    return this.#opened.promise;
  }
}
