import {
  type AdminState,
  type Agent,
  type AgentId,
  type AgentRegistration,
  type AgentUpdate,
  type Availability,
  isUuid,
  type TenantId,
} from "@devmesh/models";
import type { Database } from "../database/database.ts";
import { type Sql, sql } from "../database/sql.ts";
import { type AgentRow, agentColumns, toAgent } from "./agent-columns.ts";
import { type AgentConnections, agentConnections, type ConnectionRef } from "./agent-connections.ts";
import { changeAgent, deregisterAgent, registerAgent } from "./agent-writes.ts";

/** A page of a list, newest first; `after` is the last of the page before. */
export interface PageAsked {
  readonly limit: number;
  readonly after?: { readonly at: string; readonly id: string } | undefined;
}

/** The registry in Postgres: the shape that `@devmesh/agents` asks of a store, where its contract is told. */
export interface AgentRepository extends AgentConnections {
  register(
    tenantId: TenantId,
    id: AgentId,
    registration: AgentRegistration,
    options: {
      readonly delivery: Agent["delivery"];
      readonly connection?: ConnectionRef | undefined;
      readonly presenceMs?: number | undefined;
    },
  ): Promise<Agent>;
  update(tenantId: TenantId, agentId: AgentId, update: AgentUpdate): Promise<Agent | undefined>;
  setAdmin(tenantId: TenantId, agentId: AgentId, admin: AdminState): Promise<Agent | undefined>;
  deregister(tenantId: TenantId, agentId: AgentId): Promise<Agent | undefined>;
  find(tenantId: TenantId, idOrName: string): Promise<Agent | undefined>;
  list(
    tenantId: TenantId,
    filter: { readonly capabilities?: readonly string[] | undefined; readonly availability?: Availability | undefined },
    page: PageAsked,
  ): Promise<readonly Agent[]>;
}

/** The registry in Postgres; each call is a transaction of its own. */
export function agentRepository(database: Database): AgentRepository {
  const select = async (tenantId: TenantId, statement: Sql): Promise<readonly Agent[]> => {
    const { rows } = await database.transaction({ role: "devmesh_app", tenants: [tenantId] }, (tx) =>
      tx.query<AgentRow>(statement),
    );
    return rows.map(toAgent);
  };
  return {
    ...agentConnections(database),
    register: (tenantId, id, registration, options) =>
      registerAgent(database, { tenantId, id, registration, ...options }),
    update: (tenantId, agentId, update) => changeAgent(database, { tenantId, agentId }, update),
    setAdmin: (tenantId, agentId, admin) => changeAgent(database, { tenantId, agentId }, { admin }),
    deregister: (tenantId, agentId) => deregisterAgent(database, { tenantId, agentId }),
    find: async (tenantId, idOrName) => (await select(tenantId, findAgent(tenantId, idOrName)))[0],
    list: (tenantId, filter, page) => select(tenantId, listAgents(tenantId, filter, page)),
  };
}

/** By the primary key or the unique index on names; where both are found, the id counts. */
function findAgent(tenantId: TenantId, idOrName: string): Sql {
  const folded = idOrName.toLowerCase();
  const byId = isUuid(folded) ? sql`a.id = ${folded} or ` : sql``;
  return sql`
    select ${agentColumns}
    from agent a
    join agent_slot s on s.tenant_id = a.tenant_id and s.agent_id = a.id
    where a.tenant_id = ${tenantId} and a.deregistered_at is null and (${byId}a.name = ${idOrName})
    order by a.name = ${idOrName}
    limit 1`;
}

function listAgents(
  tenantId: TenantId,
  { capabilities, availability }: Parameters<AgentRepository["list"]>[1],
  { limit, after }: PageAsked,
): Sql {
  const withCapabilities = JSON.stringify(capabilities?.map((name) => ({ name })));
  return sql`
    select ${agentColumns}
    from agent a
    join agent_slot s on s.tenant_id = a.tenant_id and s.agent_id = a.id
    where a.tenant_id = ${tenantId} and a.deregistered_at is null
      ${capabilities === undefined ? sql`` : sql`and a.capabilities @> ${withCapabilities}::jsonb`}
      ${availability === undefined ? sql`` : sql`and a.availability = ${availability}`}
      ${after === undefined ? sql`` : sql`and (a.registered_at, a.id) < (${after.at}::timestamptz, ${after.id}::uuid)`}
    order by a.registered_at desc, a.id desc
    limit ${limit}`;
}
