import { startServices } from "@devmesh/testing";
import { Logger, makeWorkerUtils, run } from "graphile-worker";
import pg from "pg";
import { type OnTask, type OpenPeer, type Payload, type Peer, slots } from "../peer.ts";
import { versionOf } from "../versions.ts";

const batched = {
  maxPoolSize: slots + 1,
  localQueue: { size: 500 },
  completeJobBatchDelay: 0,
  failJobBatchDelay: 0,
};

/** graphile-worker: with its defaults, or with everything that it offers for throughput. */
export function graphileWorker(mode: "defaults" | "batched"): Peer {
  return {
    version: () => versionOf("graphile-worker"),
    settings:
      mode === "defaults"
        ? `concurrentJobs ${slots}, the rest as it comes`
        : `concurrentJobs ${slots}, maxPoolSize ${slots + 1}, localQueue.size 500, completeJobBatchDelay 0, failJobBatchDelay 0`,
    open,
    startWorkers: (target, onTask) => startWorkers(target as string, onTask, mode === "batched" ? batched : {}),
  };
}

async function open(): Promise<OpenPeer> {
  await using stack = new AsyncDisposableStack();
  const services = stack.use(await startServices({ fsync: true }));
  const pool = new pg.Pool({ connectionString: services.databaseUrl });
  stack.defer(() => pool.end());
  const utils = await makeWorkerUtils({ pgPool: pool, logger: quiet });
  stack.defer(async () => utils.release());
  await utils.migrate();
  const owned = stack.move();
  return {
    target: services.databaseUrl,
    submitMany: async (payloads) => {
      await utils.addJobs(payloads.map((payload) => ({ identifier: "bench", payload })));
    },
    submitOne: async (payload) => {
      await utils.addJob("bench", payload);
    },
    countLeft: async () => {
      const { rows } = await pool.query<{ left: number }>("select count(*)::int as left from graphile_worker.jobs");
      return rows[0]?.left ?? 0;
    },
    countDone: () => Promise.resolve(undefined),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function startWorkers(
  url: string,
  onTask: OnTask,
  options: Partial<typeof batched>,
): Promise<() => Promise<void>> {
  const runner = await run({
    preset: { worker: { connectionString: url, concurrentJobs: slots, ...options } },
    logger: quiet,
    noHandleSignals: true,
    taskList: {
      bench: (payload) => {
        onTask(payload as Payload);
      },
    },
  });
  return () => runner.stop();
}

const quiet = new Logger(() => () => undefined);

declare global {
  namespace GraphileWorker {
    interface Tasks {
      bench: Payload;
    }
  }
}
