import { createTestDatabase, givenServices, waitFor } from "@devmesh/testing";
import { describe, expect, it } from "vitest";
import type { Database } from "./database/database.ts";
import { openPglite } from "./database/drivers/pglite.ts";
import { openPostgres } from "./database/drivers/postgres.ts";
import { sql } from "./database/sql.ts";
import { holdExclusively } from "./exclusive.ts";
import { migrate, migrationsDir } from "./migrate.ts";

const { databaseUrl } = givenServices();

async function untilAborted(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
}

async function takesTurns(first: Database, second: Database): Promise<void> {
  const seen: string[] = [];
  const stopFirst = new AbortController();
  const stopSecond = new AbortController();
  const hold = (database: Database, name: string, { signal }: AbortController): Promise<void> =>
    holdExclusively(database, { name: "turns", signal, pollMs: 20, watchMs: 20 }, async (held) => {
      seen.push(`${name} begins`);
      await database.query(sql`select 1`);
      await untilAborted(held);
      seen.push(`${name} ends`);
    });
  const one = hold(first, "first", stopFirst);
  await waitFor(() => seen.length === 1);
  const two = hold(second, "second", stopSecond);
  stopFirst.abort();
  await one;
  await waitFor(() => seen.length === 3);
  stopSecond.abort();
  await two;
  expect(seen).toEqual(["first begins", "first ends", "second begins", "second ends"]);
}

async function endsWhatIsLeftRunning(database: Database): Promise<void> {
  const { signal } = new AbortController();
  let left: AbortSignal | undefined;
  const holding = holdExclusively(database, { name: "left", signal, pollMs: 20, watchMs: 20 }, async (held) => {
    left = held;
    throw new Error("one of several loops has failed");
  });
  await expect(holding).rejects.toThrow("one of several");
  expect(left?.aborted).toBe(true);
}

describe("holdExclusively on PGlite", () => {
  it("lets one at a time hold a name", async () => {
    await using database = await openPglite();
    await takesTurns(database, database);
  });

  it("ends what work that failed has left running", async () => {
    await using database = await openPglite();
    await endsWhatIsLeftRunning(database);
  });
});

describe.skipIf(databaseUrl === undefined)("holdExclusively on Postgres", () => {
  const makeDatabase = () =>
    createTestDatabase({
      url: databaseUrl ?? "",
      migrationsDir,
      migrate: async (url) => {
        await using database = openPostgres({ url });
        await migrate(database);
      },
    });

  it("lets one of two processes hold a name", async () => {
    await using test = await makeDatabase();
    await using first = openPostgres({ url: test.url });
    await using second = openPostgres({ url: test.url });
    await takesTurns(first, second);
  });

  it("ends the work when the connection with the lock is lost", async () => {
    await using test = await makeDatabase();
    await using database = openPostgres({ url: test.url });
    const { signal } = new AbortController();
    let hasEnded = false;
    const holding = holdExclusively(database, { name: "lost", signal, pollMs: 20, watchMs: 20 }, async (held) => {
      // of this database alone: others on the server belong to tests that run beside this one
      await database.query(sql`
        select pg_terminate_backend(l.pid) from pg_locks l
        join pg_database d on d.oid = l.database and d.datname = current_database()
        where l.locktype = 'advisory'`);
      await untilAborted(held);
      hasEnded = true;
    });
    await expect(holding).rejects.toMatchObject({ code: "unavailable", reason: "lock_lost" });
    expect(hasEnded).toBe(true);
  });

  it("ends what work that failed has left running", async () => {
    await using test = await makeDatabase();
    await using database = openPostgres({ url: test.url });
    await endsWhatIsLeftRunning(database);
  });

  it("gives up waiting when called off", async () => {
    await using test = await makeDatabase();
    await using database = openPostgres({ url: test.url });
    const stop = new AbortController();
    let wasRun = false;
    await holdExclusively(database, { name: "waits", signal: stop.signal, pollMs: 20, watchMs: 20 }, async () => {
      const waiting = holdExclusively(database, { name: "waits", signal: AbortSignal.timeout(60) }, async () => {
        wasRun = true;
      });
      await waiting;
    });
    expect(wasRun).toBe(false);
  });
});
