import type { AgentStore, SubscriptionStore } from "@devmesh/agents";
import type { NewId, NodeId } from "@devmesh/models";
import type { Logger } from "@devmesh/observability";
import type { LedgerStore, TaskEngine } from "@devmesh/tasks";
import type { Connection } from "./connections/connection.ts";
import type { Connections } from "./connections/connections.ts";
import type { Delivery } from "./delivery/delivery.ts";
import type { EventFeed } from "./delivery/event-feed.ts";
import type { Messenger } from "./delivery/messenger.ts";
import type { TaskReads } from "./stores.ts";

/** What handlers work with. */
export interface ServerContext {
  readonly nodeId: NodeId;
  readonly heartbeatMs: number;
  readonly agents: AgentStore;
  readonly engine: Pick<TaskEngine, "submit" | "perform" | "release" | "requestAssignment">;
  readonly ledger: Pick<LedgerStore, "transaction">;
  readonly taskReads: TaskReads;
  readonly messenger: Messenger;
  readonly subscriptions: SubscriptionStore;
  readonly eventFeed: EventFeed;
  readonly connections: Connections;
  readonly delivery: Delivery;
  /** Closes a connection of any node, this one included. Never waits. */
  readonly closeConnection: (nodeId: NodeId, connectionId: Connection["id"], code: number, reason: string) => void;
  /** The turn of the event loop. */
  readonly turn: () => number;
  readonly newId: NewId;
  readonly logger: Logger;
}
