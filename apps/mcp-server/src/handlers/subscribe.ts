import type { HeldConnection, Subscriptions } from "@devmesh/agents";
import { assertScope } from "@devmesh/auth";
import { mayTakeEvents } from "@devmesh/models";
import type { PayloadOf } from "@devmesh/protocol";
import type { Connection } from "../connections/connection.ts";
import { assertRegistered } from "../connections/connection-state.ts";
import type { ServerContext } from "../server-context.ts";

/** SUBSCRIBE: topics that may be those of events need the scope for reading them. */
export function subscribe(
  context: ServerContext,
  connection: Connection,
  { id, topics, durable = false }: PayloadOf<"SUBSCRIBE">,
): Promise<void> {
  const held = toHeld(connection);
  if (topics.some(mayTakeEvents)) assertScope(connection.principal, "events:read");
  return inOrder(connection, async () => {
    const inForce = await context.subscriptions.subscribe(held, topics, { isDurable: durable });
    answer(context, connection, { re: id, inForce });
  });
}

/** UNSUBSCRIBE: of durable topics too. */
export function unsubscribe(
  context: ServerContext,
  connection: Connection,
  { id, topics }: PayloadOf<"UNSUBSCRIBE">,
): Promise<void> {
  const held = toHeld(connection);
  return inOrder(connection, async () => {
    const inForce = await context.subscriptions.unsubscribe(held, topics);
    answer(context, connection, { re: id, inForce });
  });
}

/** Those that a client sends without waiting take effect, and are answered, as they were sent. */
function inOrder(connection: Connection, change: () => Promise<void>): Promise<void> {
  const done = connection.subscribing.then(change, change);
  connection.subscribing = done;
  return done;
}

function toHeld({ state, tenantId, id: connectionId }: Connection): HeldConnection {
  return { tenantId, agentId: assertRegistered(state).agentId, connectionId };
}

/** SUBSCRIBED, and after it the events that plain topics take. */
function answer(
  { eventFeed }: ServerContext,
  connection: Connection,
  { re, inForce }: { readonly re: string; readonly inForce: Subscriptions },
): void {
  connection.send("SUBSCRIBED", { re, topics: inForce.topics.map(({ topic }) => topic) });
  eventFeed.follow(connection, inForce);
}
