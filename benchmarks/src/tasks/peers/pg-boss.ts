import { startServices } from "@devmesh/testing";
import pg from "pg";
import { PgBoss } from "pg-boss";
import { type OnTask, type OpenPeer, type Payload, type Peer, slots } from "../peer.ts";
import { versionOf } from "../versions.ts";

const queue = "bench";
/** Polling, it takes what it may hold, and then waits: with 50 it would stop at 100 a second. */
const polling = { batchSize: slots, localConcurrency: 4, pollingIntervalSeconds: 0.5 };
const burst = { batchSize: slots, localConcurrency: 1, pollingIntervalSeconds: 0.5, burstWhenBatchFull: true };

/** pg-boss: polling as often as it may, or also fetching on while its batches are full. */
export function pgBoss(mode: "polling" | "burst"): Peer {
  const options = mode === "polling" ? polling : burst;
  return {
    version: () => versionOf("pg-boss"),
    settings: Object.entries(options)
      .map(([name, value]) => `${name} ${value}`)
      .join(", "),
    open,
    startWorkers: (target, onTask) => startWorkers(target as string, onTask, options),
  };
}

async function open(): Promise<OpenPeer> {
  await using stack = new AsyncDisposableStack();
  const services = stack.use(await startServices({ fsync: true }));
  const boss = await start(services.databaseUrl);
  stack.defer(() => boss.stop({ graceful: false, close: true }));
  await boss.createQueue(queue);
  const pool = new pg.Pool({ connectionString: services.databaseUrl });
  stack.defer(() => pool.end());
  const count = async (which: "<" | "="): Promise<number> => {
    const { rows } = await pool.query<{ count: number }>(
      `select count(*)::int as count from pgboss.job where state ${which} 'completed'`,
    );
    return rows[0]?.count ?? 0;
  };
  const owned = stack.move();
  return {
    target: services.databaseUrl,
    submitMany: async (payloads) => {
      await boss.insert(
        queue,
        payloads.map((data) => ({ data: { ...data } })),
      );
    },
    submitOne: async (payload) => {
      await boss.send(queue, { ...payload });
    },
    countLeft: () => count("<"),
    countDone: () => count("="),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function startWorkers(
  url: string,
  onTask: OnTask,
  options: typeof polling | typeof burst,
): Promise<() => Promise<void>> {
  const boss = await start(url);
  await boss.work<Payload>(queue, options, (jobs) => {
    for (const { data } of jobs) onTask(data);
    return Promise.resolve();
  });
  return () => boss.stop({ graceful: true, close: true });
}

async function start(url: string): Promise<PgBoss> {
  const boss = new PgBoss({ connectionString: url });
  boss.on("error", (error) => console.error(error));
  await boss.start();
  return boss;
}
