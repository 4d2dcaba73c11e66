import type { Connections } from "../connections/connections.ts";
import type { DatabaseClock } from "../node/database-clock.ts";
import type { Delivery } from "./delivery.ts";
import { type Awaiting, toAssignFrame } from "./local-hints.ts";

/** What delivering on a node stands on. */
export interface DeliverHereDeps {
  readonly connections: Pick<Connections, "findByAgent">;
  readonly delivery: Pick<Delivery, "wake" | "offer">;
  readonly databaseClock: Pick<DatabaseClock, "latestMs">;
}

/** Sends what came with a hint to those of the agents that are connected here; for the others' sake nothing is done. */
export function deliverHere(
  { connections, delivery, databaseClock }: DeliverHereDeps,
  agents: readonly Awaiting[],
): void {
  const latestMs = databaseClock.latestMs();
  for (const agent of agents) {
    const connection = connections.findByAgent(agent.agentId);
    if (connection === undefined) continue;
    const frame = toAssignFrame(agent, latestMs);
    if (frame === undefined) delivery.wake(connection);
    else delivery.offer(connection, frame);
  }
}
