import type { Hints } from "@devmesh/adapters";
import type { Logger, Metrics } from "@devmesh/observability";
import { type Database, deadLetterWrites, deadMessages, openRedrives } from "@devmesh/repositories";
import { createNudge } from "@devmesh/runtime";
import type { TaskEngine } from "@devmesh/tasks";
import type { KeepDeadLettersDeps } from "./keep-dead-letters.ts";
import type { KeptQueue } from "./run-redrive.ts";

export interface OpenDeadLettersOptions {
  readonly database: Database;
  readonly hints: Pick<Hints, "onRedrives" | "nudgeOutbox">;
  readonly engine: Pick<TaskEngine, "redrive">;
  readonly queues: readonly KeptQueue[];
  readonly metrics: Metrics;
  readonly logger: Logger;
}

/** Wires what keeps the dead letters: their stores, queues, metrics, and the hint that wakes it. */
export async function openDeadLetters(options: OpenDeadLettersOptions): Promise<KeepDeadLettersDeps> {
  const { database, hints, engine, queues, metrics, logger } = options;
  const nudge = createNudge();
  await hints.onRedrives(() => nudge.nudge());
  const letters = metrics.gauge({
    name: "devmesh_dead_letters",
    help: "dead letters in the view, as the worker that holds the sweep last counted them",
    labels: ["kind"] as const,
  });
  const redriven = metrics.counter({
    name: "devmesh_redrives_total",
    help: "redrives of messages, and of bulk jobs",
    labels: ["outcome"] as const,
  });
  return {
    redrives: openRedrives(database),
    store: deadMessages(database),
    writes: deadLetterWrites(database),
    queues,
    engine,
    nudge,
    now: () => performance.now(),
    logger,
    onRedriven: ({ done, failed, skipped }) => {
      redriven.inc({ outcome: "redriven" }, done);
      redriven.inc({ outcome: "failed" }, failed);
      redriven.inc({ outcome: "refused" }, skipped);
      if (done > 0) hints.nudgeOutbox();
    },
    onCounted: ({ tasks, messages }) => {
      letters.set({ kind: "task" }, tasks);
      letters.set({ kind: "message" }, messages);
    },
  };
}
