import { openPostgres, sql } from "@devmesh/repositories";
import { type Fleet, openFleet } from "@devmesh/tests/fleet";
import { type Agents, startAgents } from "./agents.ts";
import { median, printTable, rounded } from "./figures.ts";
import { submitBatch } from "./submit.ts";

const rounds = 3;
const tasksPerRound = 10_000;
const batch = 100;
/** Tasks that are on their way at once: what makes the loop closed. */
const window = 1_000;

/** Trips from submit to recorded result per second: 50 agents in another process, closed loop, batches of 100. */
export async function benchTrips(): Promise<void> {
  await using fleet = await openFleet({ fsync: true, times: {} });
  const url = `${fleet.mcp[0]?.url.replace("http", "ws")}/ws`;
  await using agents = await startAgents({ url, apiKey: fleet.apiKey, agents: 50, slots: 10 });
  await runRound(fleet, agents, 2_000); // warm-up: plans, JIT, statistics
  const before = await readCounters(fleet);
  const perSecond: number[] = [];
  for (let round = 0; round < rounds; round++) perSecond.push(await runRound(fleet, agents, tasksPerRound));
  const after = await readCounters(fleet);
  const tasks = rounds * tasksPerRound;
  await assertAllDone(fleet, tasks + 2_000);
  printTable(
    `Trips, closed loop, ${window} under way, 50 agents × 10 slots, batches of ${batch}, fsync on`,
    ["rounds", "trips/s, median", "min", "max", "commits per task", "WAL bytes per task"],
    [
      [
        `${rounds} × ${rounded(tasksPerRound)}`,
        rounded(median(perSecond)),
        rounded(Math.min(...perSecond)),
        rounded(Math.max(...perSecond)),
        rounded((after.commits - before.commits) / tasks, 3),
        rounded((after.walBytes - before.walBytes) / tasks),
      ],
    ],
  );
}

async function runRound(fleet: Fleet, agents: Agents, count: number): Promise<number> {
  const start = agents.recorded();
  const begunAt = performance.now();
  let submitted = 0;
  const submitter = async (): Promise<void> => {
    while (submitted < count) {
      submitted += batch;
      await agents.waitForRecorded(start + submitted - window, 60_000);
      await submitBatch(fleet, batch);
    }
  };
  await Promise.all(Array.from({ length: 4 }, submitter));
  await agents.waitForRecorded(start + count, 60_000);
  return (count * 1_000) / (performance.now() - begunAt);
}

async function readCounters(fleet: Fleet): Promise<{ commits: number; walBytes: number }> {
  await using database = openPostgres({ url: fleet.services.databaseUrl });
  const { rows } = await database.query<{ commits: number; walBytes: number }>(sql`
    select xact_commit as commits, pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint as "walBytes"
    from pg_stat_database where datname = current_database()`);
  return rows[0] ?? { commits: 0, walBytes: 0 };
}

async function assertAllDone(fleet: Fleet, count: number): Promise<void> {
  await using database = openPostgres({ url: fleet.services.databaseUrl });
  const { rows } = await database.query<{ tasks: number; results: number }>(sql`
    select (select count(*)::int from task where state = 'completed') as tasks,
      (select count(*)::int from task_result) as results`);
  const { tasks, results } = rows[0] ?? { tasks: 0, results: 0 };
  if (tasks !== count || results !== count) throw new Error(`${tasks} tasks, ${results} results, expected ${count}`);
}
