import { randomUUID } from "node:crypto";
import { startConsumer } from "@devmesh/adapters";
import type { ApiKeyId, RedriveJob, TaskId, TenantId } from "@devmesh/models";
import { createLogger, createMetrics } from "@devmesh/observability";
import {
  type Database,
  deadLetterReads,
  deadLetterWrites,
  deadMessages,
  keyRepository,
  migrate,
  migrationsDir,
  openPglite,
  openPostgres,
  redriveJobs,
  snapshotPglite,
} from "@devmesh/repositories";
import type { Outcome, TaskEngine } from "@devmesh/tasks";
import { openTestDatabase } from "@devmesh/testing";
import { type FauxqsServer, startFauxqs } from "fauxqs";
import { type KeepDeadLettersDeps, keepDeadLetters } from "../src/dead-letters/keep-dead-letters.ts";
import { openDeadLetters } from "../src/dead-letters/open-dead-letters.ts";
import { recordDeadLetters } from "../src/dead-letters/record-dead-letters.ts";
import { parseTaskMessage } from "../src/queue/consume-tasks.ts";
import { openTasksQueue, tasksQueueName, type WorkerQueue } from "../src/queue/open-queue.ts";

/** What keeps dead letters, on a real database and a stand-in for SQS, without the rest of the worker. */
export interface DeadLetterHarness extends AsyncDisposable {
  readonly database: Database;
  readonly aws: FauxqsServer;
  readonly queue: WorkerQueue;
  readonly tenantId: TenantId;
  readonly by: ApiKeyId;
  readonly deps: KeepDeadLettersDeps;
  readonly reads: ReturnType<typeof deadLetterReads>;
  readonly writes: ReturnType<typeof deadLetterWrites>;
  readonly jobs: ReturnType<typeof redriveJobs>;
  /** Ids of tasks that the engine was asked to redrive. */
  readonly redriven: TaskId[];
  /** Bodies that the queue gave out, in order. */
  readonly handled: string[];
  wake(): void;
  /** Starts what one worker at a time does. */
  start(): void;
  /** Starts a consumer of the queue that gives up what is no task message. */
  consume(): void;
  job(id: string): Promise<RedriveJob>;
  /** How many messages a queue holds, in anybody's hands or none. */
  count(queue: "devmesh-tasks" | "devmesh-tasks-dlq"): number;
}

export interface HarnessOptions {
  readonly moves?: WorkerQueue["moves"];
  readonly redrive?: TaskEngine["redrive"];
}

export async function openHarness(options: HarnessOptions = {}): Promise<DeadLetterHarness> {
  await using stack = new AsyncDisposableStack();
  const database = await openTestDatabase({ migrationsDir, migrate, openPostgres, openPglite, snapshotPglite }, stack);
  const aws = stack.adopt(await startFauxqs({ port: 0, logger: false }), (server) => server.stop());
  const opened = stack.use(
    openTasksQueue({
      region: "us-east-1",
      endpoint: `http://127.0.0.1:${aws.port}`,
      queueUrl: undefined,
      deadLetterUrl: undefined,
    }),
  );
  const queue: WorkerQueue = { ...opened, moves: options.moves ?? opened.moves };
  await queue.receive({ maxMessages: 1, waitTimeSeconds: 0, visibilityTimeoutSeconds: 1, signal: never });
  const tenantId = randomUUID() as TenantId;
  const keys = keyRepository(database);
  await keys.createTenant({ id: tenantId, name: tenantId });
  const by = randomUUID() as ApiKeyId;
  const redriven: TaskId[] = [];
  const handled: string[] = [];
  const redrive = async ({ taskId }: { readonly taskId: TaskId }): Promise<Outcome> => {
    redriven.push(taskId);
    return { kind: "recorded", taskId, taskState: "queued", leaseUntil: undefined, duplicate: false };
  };
  const logger = createLogger({ level: "silent", service: "worker" });
  let wake = (): void => undefined;
  const deps = await openDeadLetters({
    database,
    hints: {
      onRedrives: async (handler) => {
        wake = handler;
        return () => Promise.resolve();
      },
      nudgeOutbox: () => undefined,
    },
    engine: { redrive: options.redrive ?? redrive },
    queues: [queue],
    metrics: createMetrics("worker"),
    logger,
  });
  const stopping = new AbortController();
  const running: Promise<void>[] = [];
  stack.defer(async () => {
    stopping.abort();
    await Promise.all(running);
  });
  const jobs = redriveJobs(database);
  const owned = stack.move();
  return {
    database,
    aws,
    queue,
    tenantId,
    by,
    deps,
    reads: deadLetterReads(database),
    writes: deadLetterWrites(database),
    jobs,
    redriven,
    handled,
    wake: () => wake(),
    start: () => void running.push(keepDeadLetters(deps, stopping.signal)),
    consume: () => {
      const consumer = startConsumer({
        queue: recordDeadLetters(queue, { store: deadMessages(database), queueName: tasksQueueName }),
        handler: async ({ body }) => {
          handled.push(body);
          parseTaskMessage(body);
          return "done";
        },
        signal: stopping.signal,
        waitTimeSeconds: 1,
        graceMs: 1_000,
        logger,
      });
      running.push(stopped(stopping.signal, consumer));
    },
    job: async (id) => {
      const job = await jobs.find(tenantId, id);
      if (job === undefined) throw new Error(`no job ${id}`);
      return job;
    },
    count: (name) => {
      const messages = aws.inspectQueue(name)?.messages;
      return (messages?.ready.length ?? 0) + (messages?.inflight.length ?? 0) + (messages?.delayed.length ?? 0);
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

const never = new AbortController().signal;

async function stopped(signal: AbortSignal, consumer: AsyncDisposable): Promise<void> {
  if (!signal.aborted) await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
  await consumer[Symbol.asyncDispose]();
}
