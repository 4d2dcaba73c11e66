import type { AgentId, ConnectionId, TenantId } from "@devmesh/models";
import type { Database } from "../database/database.ts";
import { sql, unnest } from "../database/sql.ts";

/** A connection as its node knows it: up to `sentSeq` everything was sent. */
export interface SentConnection {
  readonly tenantId: TenantId;
  readonly agentId: AgentId;
  readonly connectionId: ConnectionId;
  readonly sentSeq: number;
}

/** What a node was not told, or did not hear, of its connections. */
export interface ConnectionNews {
  /** The agent is held by another connection, or by none. */
  readonly lost: readonly AgentId[];
  readonly revoked: readonly AgentId[];
  /** A `seq` above `sentSeq` was given out. */
  readonly behind: readonly AgentId[];
}

/**
 * One statement for all of a node's connections, of whichever tenants, by the primary keys of agent_slot and agent. No
 * transaction round it, so that an idle mesh is quiet: the login has the rights of the engine's role by being granted it.
 */
export async function findConnectionNews(
  database: Database,
  connections: readonly SentConnection[],
): Promise<ConnectionNews> {
  const { rows } = await database.query<{ agentId: AgentId; news: keyof ConnectionNews }>(sql`
      select c.agent_id as "agentId", case
        when s.agent_id is null then 'lost'
        when a.admin = 'revoked' then 'revoked'
        else 'behind'
      end as news
      from ${unnest(
        ["uuid", connections.map(({ tenantId }) => tenantId)],
        ["uuid", connections.map(({ agentId }) => agentId)],
        ["uuid", connections.map(({ connectionId }) => connectionId)],
        ["bigint", connections.map(({ sentSeq }) => sentSeq)],
      )} as c (tenant_id, agent_id, connection_id, sent_seq)
      left join agent_slot s
        on s.tenant_id = c.tenant_id and s.agent_id = c.agent_id and s.connection_id = c.connection_id
      left join agent a on a.tenant_id = s.tenant_id and a.id = s.agent_id
      where s.agent_id is null or a.admin = 'revoked' or s.next_seq - 1 > c.sent_seq`);
  const of = (kind: keyof ConnectionNews): readonly AgentId[] =>
    rows.filter(({ news }) => news === kind).map(({ agentId }) => agentId);
  return { lost: of("lost"), revoked: of("revoked"), behind: of("behind") };
}
