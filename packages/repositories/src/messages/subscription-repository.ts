import { AppError, type EventCursor, maxSubscriptions, mayTakeEvents, topicHead } from "@devmesh/models";
import type { HeldConnection } from "../agents/agent-connections.ts";
import type { Database, Queryable } from "../database/database.ts";
import { sql, unnest } from "../database/sql.ts";
import { eventHorizon } from "../events/event-order.ts";

/** Which topics an agent has in force. */
export interface Subscriptions {
  /** In the order of their text. */
  readonly topics: readonly { readonly topic: string; readonly isDurable: boolean }[];
  /** Before every event that is committed from now on, and behind all that can be read now. */
  readonly cursor: EventCursor;
}

/** What agents subscribed, in Postgres: the shape that `@devmesh/agents` asks of a store, where its contract is told. */
export interface SubscriptionRepository {
  subscribe(
    connection: HeldConnection,
    topics: readonly string[],
    options: { readonly isDurable: boolean },
  ): Promise<Subscriptions>;
  unsubscribe(connection: HeldConnection, topics: readonly string[]): Promise<Subscriptions>;
}

/** Each call is a transaction of its own, under the lock of the agent's slot. */
export function subscriptionRepository(database: Database): SubscriptionRepository {
  const inTenant = <T>({ tenantId }: HeldConnection, work: (tx: Queryable) => Promise<T>): Promise<T> =>
    database.transaction({ role: "devmesh_app", tenants: [tenantId], plans: "by_index" }, work);
  return {
    subscribe: (connection, topics, { isDurable }) =>
      inTenant(connection, async (tx) => {
        // before the slot, as the fan-out locks them
        if (isDurable && topics.some(mayTakeEvents)) await beginFanOut(tx, connection);
        await lockSlot(tx, connection);
        await insert(tx, { connection, topics: [...new Set(topics)], isDurable });
        const subscriptions = await list(tx, connection);
        if (subscriptions.topics.length > maxSubscriptions) throw tooMany(subscriptions.topics.length);
        return subscriptions;
      }),
    unsubscribe: (connection, topics) =>
      inTenant(connection, async (tx) => {
        await lockSlot(tx, connection);
        await tx.query(sql`
          delete from subscription
          where tenant_id = ${connection.tenantId} and agent_id = ${connection.agentId}
            and topic = any (${[...topics]}::text[])`);
        return list(tx, connection);
      }),
  };
}

function tooMany(count: number): AppError {
  return new AppError("resource_exhausted", `${count} topics would be in force, the limit is ${maxSubscriptions}`);
}

/** @throws AppError `conflict`, reason `replaced`, where another connection has the agent. */
async function lockSlot(tx: Queryable, { tenantId, agentId, connectionId }: HeldConnection): Promise<void> {
  const { rows } = await tx.query(sql`
    select from agent_slot
    where tenant_id = ${tenantId} and agent_id = ${agentId} and connection_id = ${connectionId}
    for no key update`);
  if (rows.length === 1) return;
  throw new AppError("conflict", `agent ${agentId} has a newer connection`, { reason: "replaced" });
}

/** What connections before this one left goes. A durable one stays durable. */
async function insert(
  tx: Queryable,
  {
    connection: { tenantId, agentId, connectionId },
    topics,
    isDurable,
  }: { readonly connection: HeldConnection; readonly topics: readonly string[]; readonly isDurable: boolean },
): Promise<void> {
  await tx.query(sql`
    delete from subscription
    where tenant_id = ${tenantId} and agent_id = ${agentId} and connection_id <> ${connectionId}`);
  await tx.query(sql`
    insert into subscription as known (tenant_id, agent_id, topic, head, connection_id)
    select ${tenantId}, ${agentId}, topic, head, ${isDurable ? undefined : connectionId}::uuid
    from ${unnest(["text", topics], ["text", topics.map(topicHead)])} as given (topic, head)
    on conflict (agent_id, topic) do update
    set connection_id = case when known.connection_id is not null then excluded.connection_id end`);
}

/** From now on, and under a lock, so that whoever is about to end it sees the subscription after this. */
async function beginFanOut(tx: Queryable, { tenantId }: HeldConnection): Promise<void> {
  await tx.query(sql`
    insert into event_fan_out as known (tenant_id, xid, position)
    values (${tenantId}, ${eventHorizon}, coalesce((select position from event_cursor where tenant_id = ${tenantId}), 0))
    on conflict (tenant_id) do update set position = known.position`);
}

async function list(tx: Queryable, { tenantId, agentId, connectionId }: HeldConnection): Promise<Subscriptions> {
  const { rows } = await tx.query<{ topic: string; isDurable: boolean }>(sql`
    select topic, connection_id is null as "isDurable"
    from subscription
    where tenant_id = ${tenantId} and agent_id = ${agentId}
      and (connection_id is null or connection_id = ${connectionId})
    order by topic`);
  const { rows: horizons } = await tx.query<{ xid: number }>(sql`select ${eventHorizon}::text::bigint as xid`);
  return { topics: rows, cursor: { xid: horizons[0]?.xid ?? 0, recorded: 0 } };
}
