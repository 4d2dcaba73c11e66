import type { Hints, Presence } from "@devmesh/adapters";
import type { NodeStore, NodeTimes } from "@devmesh/agents";
import type { TenantId } from "@devmesh/models";
import type { Logger, Metrics } from "@devmesh/observability";
import {
  type Database,
  eventRepository,
  holdExclusively,
  nodeRepository,
  outboxRepository,
} from "@devmesh/repositories";
import { createNudge, runLoop } from "@devmesh/runtime";
import type { TaskEngine } from "@devmesh/tasks";
import { keepDeadLetters } from "./dead-letters/keep-dead-letters.ts";
import { openDeadLetters } from "./dead-letters/open-dead-letters.ts";
import type { KeptQueue } from "./dead-letters/run-redrive.ts";
import { type RelayPendingDeps, relayPending } from "./embedding/relay-pending.ts";
import { fanOutEvents } from "./outbox/fan-out-events.ts";
import { relayEvents } from "./outbox/relay.ts";
import type { WorkerQueue } from "./queue/open-queue.ts";
import { createNodeMetrics, dropDeadNodes } from "./sweep/drop-dead-nodes.ts";
import { keepHouse } from "./sweep/housekeeping.ts";
import { createSweepAlarm, sweepTasks } from "./sweep/sweep.ts";

export interface BackgroundDeps {
  readonly database: Database;
  readonly hints: Pick<
    Hints,
    "onOutbox" | "onTaskChanges" | "onDue" | "onRedrives" | "nudgeOutbox" | "eventsReadable" | "engineHints"
  >;
  readonly engine: TaskEngine;
  readonly relayPending: RelayPendingDeps;
  readonly queue: WorkerQueue;
  /** Those whose dead letters are kept: `queue`, too. */
  readonly keptQueues: readonly KeptQueue[];
  readonly presence: Presence | undefined;
  readonly nodeTimes: NodeTimes;
  readonly metrics: Metrics;
  readonly logger: Logger;
}

/** Runs what one worker at a time does, until `signal` aborts: the relays, and the sweep with its housekeeping and the dead letters. */
export async function runBackground(deps: BackgroundDeps, signal: AbortSignal): Promise<void> {
  await Promise.all([runRelay(deps, signal), runSweep(deps, signal)]);
}

async function runRelay(deps: BackgroundDeps, signal: AbortSignal): Promise<void> {
  const { database, hints, queue, metrics, logger } = deps;
  const nudge = createNudge();
  const readable = createNudge();
  await hints.onOutbox(() => nudge.nudge());
  await hints.onTaskChanges(() => nudge.nudge());
  const relay = {
    outbox: outboxRepository(database),
    queue,
    nudge,
    onReadable: (tenantIds: readonly TenantId[]) => {
      readable.nudge();
      hints.eventsReadable(tenantIds);
    },
    logger,
    read: metrics.counter({ name: "devmesh_relay_events_total", help: "events that the relay has read" }),
    sent: metrics.counter({
      name: "devmesh_relay_messages_total",
      help: "messages about queued tasks, by whether SQS took them",
      labels: ["outcome"] as const,
    }),
  };
  const fanOut = {
    events: eventRepository(database),
    tell: hints.engineHints.assigned,
    nudge: readable,
    logger,
    delivered: metrics.counter({
      name: "devmesh_events_fanned_out_total",
      help: "events that were looked at for durable subscribers",
    }),
  };
  await runAlone("relay", deps, signal, async (held) => {
    await Promise.all([relayEvents(relay, held), fanOutEvents(fanOut, held), relayPending(deps.relayPending, held)]);
  });
}

async function runSweep(deps: BackgroundDeps, signal: AbortSignal): Promise<void> {
  const { database, hints, engine, metrics, logger } = deps;
  const alarm = createSweepAlarm(createNudge());
  await hints.onDue((at) => alarm.ring(at));
  const done = metrics.counter({
    name: "devmesh_sweep_done_total",
    help: "due tasks and assignments that were handled",
  });
  const outbox = outboxRepository(database);
  const house = { prune: () => outbox.prune(), logger };
  const nodes = {
    nodes: tellingNodes(database, hints),
    presence: deps.presence,
    times: deps.nodeTimes,
    metrics: createNodeMetrics(metrics),
    logger,
    now: () => performance.now(),
  };
  const deadLetters = await openDeadLetters({ ...deps, queues: deps.keptQueues });
  await runAlone("sweep", deps, signal, async (held) => {
    const sweep = runLoop({
      name: "sweep tasks",
      signal: held,
      logger,
      maxBackoffMs: 5_000,
      work: () => sweepTasks({ engine, alarm, done }, held),
    });
    await Promise.all([sweep, keepHouse(house, held), dropDeadNodes(nodes, held), keepDeadLetters(deadLetters, held)]);
  });
}

/** The registry of nodes; agents that are dropped have events that wait to be read. */
function tellingNodes(
  database: Database,
  hints: Pick<Hints, "nudgeOutbox">,
): Pick<NodeStore, "survey" | "dropDead" | "endPresences"> {
  const { survey, dropDead, endPresences } = nodeRepository(database);
  return {
    survey,
    async endPresences() {
      const ended = await endPresences();
      if (ended > 0) hints.nudgeOutbox();
      return ended;
    },
    async dropDead(suspects) {
      const dropped = await dropDead(suspects);
      if (dropped.agents.length > 0) hints.nudgeOutbox();
      return dropped;
    },
  };
}

/** Holds a name, and takes it again whenever it is lost. */
function runAlone(
  name: string,
  { database, logger }: BackgroundDeps,
  signal: AbortSignal,
  work: (held: AbortSignal) => Promise<void>,
): Promise<void> {
  // Back within 5 s of the database: what is due has waited long enough.
  return runLoop({
    name,
    signal,
    logger,
    maxBackoffMs: 5_000,
    work: () => holdExclusively(database, { name, signal }, work),
  });
}
