import type { AgentId, TenantId } from "@devmesh/models";
import { headsOfTopic, isUuid } from "@devmesh/models";
import type { Queryable } from "../database/database.ts";
import { sql, unnest } from "../database/sql.ts";

/** Whom a message is for: one agent, by id or name; those that subscribed a topic; or all others. */
export interface Addressed {
  readonly tenantId: TenantId;
  readonly senderId: AgentId;
  readonly target: { readonly to: string } | { readonly topic: string } | { readonly broadcast: true };
}

/** One agent that a message is for; `number` is the place of the message in the list that was asked about. */
interface Found {
  readonly number: number;
  readonly agentId: AgentId;
}

/**
 * Finds the agents that messages are for, each once a message, never the sender. Undefined where `to` names no agent of
 * the tenant. At most one statement for each kind of target.
 */
export async function findRecipients(
  tx: Queryable,
  messages: readonly Addressed[],
): Promise<readonly (readonly AgentId[] | undefined)[]> {
  const found = [
    ...(await findNamed(tx, messages)),
    ...(await findSubscribed(tx, messages)),
    ...(await findAll(tx, messages)),
  ];
  const byNumber = Map.groupBy(found, ({ number }) => number);
  return messages.map(({ target, senderId }, number) => {
    const agentIds = byNumber.get(number)?.map(({ agentId }) => agentId);
    if (agentIds === undefined) return "to" in target ? undefined : [];
    return agentIds.filter((agentId) => agentId !== senderId);
  });
}

/** By the primary key, or the unique index on names; where both are found, the id counts. */
async function findNamed(tx: Queryable, messages: readonly Addressed[]): Promise<readonly Found[]> {
  const named = messages.flatMap(({ tenantId, target }, number) =>
    "to" in target ? [{ tenantId, number, to: target.to, id: target.to.toLowerCase() }] : [],
  );
  if (named.length === 0) return [];
  const { rows } = await tx.query<Found>(sql`
    select asked.number, one.id as "agentId"
    from ${unnest(
      ["int", named.map(({ number }) => number)],
      ["uuid", named.map(({ tenantId }) => tenantId)],
      ["uuid", named.map(({ id }) => (isUuid(id) ? id : undefined))],
      ["text", named.map(({ to }) => to)],
    )} as asked (number, tenant_id, id, name)
    cross join lateral (
      (select a.id, 0 as place from agent a
        where a.id = asked.id and a.tenant_id = asked.tenant_id and a.deregistered_at is null)
      union all
      (select a.id, 1 from agent a
        where a.tenant_id = asked.tenant_id and a.name = asked.name and a.deregistered_at is null)
      order by place
      limit 1
    ) one`);
  return rows;
}

/** By the heads that a pattern which takes the topic can have; what has one of them is compared in whole. */
async function findSubscribed(tx: Queryable, messages: readonly Addressed[]): Promise<readonly Found[]> {
  const asked = messages.flatMap(({ tenantId, target }, number) =>
    "topic" in target
      ? headsOfTopic(target.topic).map((head) => ({ tenantId, number, topic: target.topic, head }))
      : [],
  );
  if (asked.length === 0) return [];
  const { rows } = await tx.query<Found>(sql`
    select distinct asked.number, b.agent_id as "agentId"
    from ${unnest(
      ["int", asked.map(({ number }) => number)],
      ["uuid", asked.map(({ tenantId }) => tenantId)],
      ["text", asked.map(({ topic }) => topic)],
      ["text", asked.map(({ head }) => head)],
    )} as asked (number, tenant_id, topic, head)
    join subscription b on b.tenant_id = asked.tenant_id and b.head = asked.head
    join agent_slot s on s.tenant_id = b.tenant_id and s.agent_id = b.agent_id
    where topic_matches(b.topic, asked.topic) and (b.connection_id is null or b.connection_id = s.connection_id)`);
  return rows;
}

/** By the index `agent_listed`. */
async function findAll(tx: Queryable, messages: readonly Addressed[]): Promise<readonly Found[]> {
  const asked = messages.flatMap(({ tenantId, target }, number) =>
    "broadcast" in target ? [{ tenantId, number }] : [],
  );
  if (asked.length === 0) return [];
  const { rows } = await tx.query<Found>(sql`
    select asked.number, a.id as "agentId"
    from ${unnest(
      ["int", asked.map(({ number }) => number)],
      ["uuid", asked.map(({ tenantId }) => tenantId)],
    )} as asked (number, tenant_id)
    join agent a on a.tenant_id = asked.tenant_id and a.deregistered_at is null`);
  return rows;
}
