import { setTimeout as delay } from "node:timers/promises";
import { type Database, openPostgres, sql } from "@devmesh/repositories";
import { openFleet } from "@devmesh/tests/fleet";
import { startAgents } from "../agents.ts";
import { assertDone, finish, submitAll } from "./load.ts";
import { toPeer } from "./peers/devmesh.ts";
import type { Sizes } from "./sizes.ts";
import { openWorkers } from "./workers.ts";

/** What a task costs Postgres: submitted, worked off and relayed. */
interface TaskCosts {
  readonly commitsPerTask: number;
  readonly walBytesPerTask: number;
  readonly statementsPerTask: number;
}

/** What this project costs its Postgres: with 50 agents × 10 slots. */
export interface Costs extends TaskCosts {
  /** With the 5 agents × 10 slots of the drain. */
  readonly costsOfDrain: TaskCosts;
  /** All services together: one of each, and one node of agents. Begin and commit count. */
  readonly idleStatementsPerMinute: number;
  /** Where the time goes, dearest first. */
  readonly statements: readonly { readonly text: string; readonly calls: number; readonly totalMs: number }[];
  readonly idleStatements: readonly { readonly text: string; readonly calls: number; readonly totalMs: number }[];
}

/** Counts with pg_stat_statements, which is why this is no measurement of speed. */
export async function measureCosts(sizes: Sizes): Promise<Costs> {
  const fleet = await openFleet({ fsync: true, times: {} });
  await using peer = toPeer(fleet);
  await using database = openPostgres({ url: fleet.services.databaseUrl, maxConnections: 1 });
  await countStatements(database, fleet.services);
  const target = peer.target as object;
  const measure = async (agents: number): Promise<TaskCosts> => {
    await using workers = openWorkers("devmesh", { ...target, agents });
    const workOff = async (count: number): Promise<void> => {
      await submitAll(peer, count);
      await finish(peer, workers, count);
      await waitForRelay(database);
    };
    await workers.start();
    await workOff(sizes.warmUp);
    const before = await readCounters(database);
    await workOff(sizes.costTasks);
    const after = await readCounters(database);
    await workers.stop();
    return perTask(before, after, sizes.costTasks);
  };
  const costsOfDrain = await measure(5);
  await topStatements(database);
  const underLoad = await measure(50);
  const statements = await topStatements(database);
  await assertDone(peer, 2 * (sizes.warmUp + sizes.costTasks));
  const idle = await measureIdle(database, { url: wsUrl(fleet.mcp[0]?.url), apiKey: fleet.apiKey }, sizes);
  return { ...underLoad, ...idle, costsOfDrain, statements };
}

function perTask(before: Counters, after: Counters, tasks: number): TaskCosts {
  return {
    commitsPerTask: (after.commits - before.commits) / tasks,
    walBytesPerTask: (after.walBytes - before.walBytes) / tasks,
    statementsPerTask: (after.calls - before.calls) / tasks,
  };
}

async function measureIdle(
  database: Database,
  target: { readonly url: string; readonly apiKey: string },
  { idleAgents, idleSeconds }: Sizes,
): Promise<Pick<Costs, "idleStatementsPerMinute" | "idleStatements">> {
  await using _agents = await startAgents({ ...target, agents: idleAgents, slots: 1 });
  await delay(Math.min(5_000, idleSeconds * 1_000)); // what connecting brings is over
  const before = await readCounters(database);
  await delay(idleSeconds * 1_000);
  const after = await readCounters(database);
  const idleStatementsPerMinute = ((after.calls - before.calls - ownCalls) * 60) / idleSeconds;
  return { idleStatementsPerMinute, idleStatements: await topStatements(database) };
}

function wsUrl(url = ""): string {
  return `${url.replace("http", "ws")}/ws`;
}

/** The counters' own, between two readings: the first of them. */
const ownCalls = 1;

async function countStatements(
  database: Database,
  services: { stopPostgres(): Promise<void>; startPostgres(): Promise<void> },
): Promise<void> {
  await database.query(sql`alter system set shared_preload_libraries = 'pg_stat_statements'`);
  await services.stopPostgres();
  await services.startPostgres();
  await retry(() => database.query(sql`create extension if not exists pg_stat_statements`));
  await delay(3_000); // the services find their way back
}

async function retry(work: () => Promise<unknown>): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      await work();
      return;
    } catch (error) {
      if (tries === 20) throw error;
      await delay(250);
    }
  }
}

async function waitForRelay(database: Database): Promise<void> {
  for (let tries = 0; tries < 600; tries++) {
    const { rows } = await database.query<{ left: number }>(sql`
      select count(*)::int as left
      from relay_cursor c
      join task_event e on e.xid > '0' and (e.xid, e.recorded) > (c.xid, c.recorded)`);
    if (rows[0]?.left === 0) return;
    await delay(100);
  }
  throw new Error("events are not relayed after 60 s");
}

interface Counters {
  readonly commits: number;
  readonly walBytes: number;
  readonly calls: number;
}

/** `pg_stat_database` tells of commits up to 10 s late: they are counted as statements. */
async function readCounters(database: Database): Promise<Counters> {
  const { rows } = await database.query<Counters>(sql`
    select coalesce(sum(calls), 0)::bigint as calls,
      coalesce(sum(calls) filter (where lower(query) = 'commit'), 0)::bigint as commits,
      pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint as "walBytes"
    from pg_stat_statements`);
  const [read] = rows;
  if (read === undefined) throw new Error("no counters");
  return read;
}

/** Those since the last call, dearest first. */
async function topStatements(
  database: Database,
): Promise<readonly { readonly text: string; readonly calls: number; readonly totalMs: number }[]> {
  const { rows } = await database.query<{ text: string; calls: number; totalMs: number }>(sql`
    select left(regexp_replace(query, '\\s+', ' ', 'g'), 160) as text, calls, total_exec_time as "totalMs"
    from pg_stat_statements
    order by total_exec_time desc
    limit 12`);
  await database.query(sql`select pg_stat_statements_reset()`);
  return rows;
}
