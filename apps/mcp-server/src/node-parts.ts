import type { FanOut, Hints, Objects, Presence, SessionStore } from "@devmesh/adapters";
import { tellOfAgents } from "@devmesh/agents";
import type { NewId, NodeId } from "@devmesh/models";
import type { Logger, Metrics } from "@devmesh/observability";
import {
  agentRepository,
  type Database,
  deliveryRepository,
  eventRepository,
  ledgerStore,
  messageRepository,
  nodeRepository,
  subscriptionRepository,
  taskReads,
} from "@devmesh/repositories";
import { createTaskWaiters, createUuidV7, monotonicClock, type TaskWaiters } from "@devmesh/runtime";
import { createTaskEngine, type LedgerStore, type OutputSchemas, type TaskEngine } from "@devmesh/tasks";
import type { McpConfig } from "./config.ts";
import { type TellNodes, withLocalDelivery } from "./delivery/local-hints.ts";
import { createMessenger, type Messenger } from "./delivery/messenger.ts";
import { gatherReads } from "./gather-reads.ts";
import { maxTaskWatches } from "./limits.ts";
import type { ServerStores } from "./stores.ts";
import { type Authenticators, createAuthenticators } from "./upgrade/authenticators.ts";

/** What a node works on. Whoever opened it closes it. */
export interface NodeResources {
  readonly database: Database;
  readonly fanOut: FanOut;
  /** Where the node says that it lives, beside its lease in the database. */
  readonly presence?: Presence | undefined;
  /** Where sessions of MCP's older generation are kept, if not by this node alone. */
  readonly sessions?: SessionStore | undefined;
  /** Where contexts are kept; without it there are none. */
  readonly objects?: Objects | undefined;
  readonly logger: Logger;
}

/** What was opened for a node before its parts. */
interface Opened extends NodeResources {
  readonly metrics: Metrics;
  readonly hints: Hints;
  readonly outputSchemas: OutputSchemas;
}

/** What all doors of a node stand on. Nothing of it has to be closed. */
export interface NodeParts extends Opened, Authenticators, ServerStores {
  readonly nodeId: NodeId;
  readonly newId: NewId;
  readonly ledger: LedgerStore;
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number;
}

/** Names a node, and puts its stores together. */
export function createNodeParts(config: McpConfig, opened: Opened): NodeParts {
  const { database, hints } = opened;
  const newId = createUuidV7();
  return {
    ...opened,
    ...createAuthenticators(database, { ...config, ...config.intervals }),
    ...createStores(database, hints),
    nodeId: newId() as NodeId,
    newId,
    ledger: ledgerStore(database, newId),
    now: monotonicClock,
  };
}

function createStores(database: Database, hints: Pick<Hints, "nudgeOutbox">): ServerStores {
  return {
    agents: tellOfAgents(agentRepository(database), () => hints.nudgeOutbox()),
    nodes: nodeRepository(database),
    deliveries: deliveryRepository(database),
    taskReads: gatherReads(taskReads(database)),
    subscriptions: subscriptionRepository(database),
    events: eventRepository(database),
  };
}

/** The engine of a node; what it assigns is told by `tellNodes`. */
export function createNodeEngine(config: McpConfig, parts: NodeParts, tellNodes: TellNodes): TaskEngine {
  const { ledger, hints, logger, metrics } = parts;
  const engine = createTaskEngine({
    ...parts,
    store: ledger,
    hints: withLocalDelivery(hints.engineHints, tellNodes),
    random: Math.random,
    ...config.tasks,
    maxDepth: config.maxTaskDepth,
    onError: (err) => logger.warn({ err }, "assignment round failed"),
  });
  metrics.gauge({
    name: "devmesh_claims_open",
    help: "Claims that wait for a task, or may.",
    read: () => engine.openClaims,
  });
  return engine;
}

/** Those who wait for tasks at this node. */
export function createNodeWaiters({ intervals }: McpConfig, parts: NodeParts): TaskWaiters {
  const { taskReads: reads, logger, metrics } = parts;
  const waiters = createTaskWaiters({
    reads,
    logger,
    maxWatches: maxTaskWatches,
    // one tenant leaves half to the others
    maxTenantWatches: maxTaskWatches / 2,
    recheckMs: intervals.taskRecheckMs,
  });
  metrics.gauge({ name: "devmesh_task_watches", help: "Requests that wait for tasks", read: () => waiters.size });
  return waiters;
}

/** The messenger of a node. Those who fetch their mail may wait for it at any node, and are told by a hint. */
export function createNodeMessenger({ database, hints }: NodeParts, tellNodes: TellNodes): Messenger {
  return createMessenger(messageRepository(database), (receivers) => {
    tellNodes(receivers);
    hints.engineHints.mailed(receivers.filter(({ isPulling }) => isPulling === true));
  });
}
