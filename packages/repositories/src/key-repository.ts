import type { ApiKeyId, TenantId } from "@devmesh/models";
import type { Database, QueryResult } from "./database/database.ts";
import { type Sql, sql, unnest } from "./database/sql.ts";

/** An API key as sign-in reads it. */
export interface KeyRecord {
  readonly tenantId: TenantId;
  readonly id: ApiKeyId;
  readonly kind: "pat" | "agt" | "svc";
  readonly scopes: readonly string[];
  readonly agentName?: string;
  readonly team?: string;
  readonly expiresAt?: Date;
  /** From now on, by the database's clock; negative when it is over. */
  readonly expiresInMs?: number;
  readonly revokedAt?: Date;
}

/** Names a key. */
export interface KeyRef {
  readonly tenantId: TenantId;
  readonly id: ApiKeyId;
}

/** A key to be written: of its text only the hash and what may be shown of it. */
export interface NewKey {
  readonly tenantId: TenantId;
  readonly id: ApiKeyId;
  readonly kind: "pat" | "agt" | "svc";
  readonly name: string;
  readonly hash: Buffer;
  readonly display: string;
  readonly scopes: readonly string[];
  readonly agentName?: string | undefined;
  readonly team?: string | undefined;
  readonly expiresAt?: Date | undefined;
}

/** Tenants and their API keys. Works as the engine: who signs in has no tenant yet. */
export interface KeyRepository {
  /** A key of any tenant, revoked and expired ones included. By the unique index on `hash`. */
  findByHash(hash: Buffer): Promise<KeyRecord | undefined>;
  /** The same for many, by the hex of their hash; those that are not there are left out. */
  findByHashes(hashes: readonly Buffer[]): Promise<ReadonlyMap<string, KeyRecord>>;
  /** Keys by their ids, in no order; those that are not there, or are another tenant's, are left out. By the primary key. */
  findByIds(refs: readonly KeyRef[]): Promise<readonly KeyRecord[]>;
  /** @throws AppError `conflict` for a key that is there already. */
  create(key: NewKey): Promise<void>;
  /** @throws AppError `conflict` for a name that is taken. */
  createTenant(tenant: { readonly id: TenantId; readonly name: string }): Promise<void>;
  findTenantByName(name: string): Promise<{ readonly id: TenantId; readonly name: string } | undefined>;
}

interface KeyRow extends Omit<KeyRecord, "agentName" | "team" | "expiresAt" | "expiresInMs" | "revokedAt"> {
  readonly hash: string;
  readonly agentName: string | null;
  readonly team: string | null;
  readonly expiresAt: Date | null;
  readonly expiresInMs: number | null;
  readonly revokedAt: Date | null;
}

const keyColumns = sql`tenant_id as "tenantId", id, kind, scopes, agent_name as "agentName", team, expires_at as "expiresAt",
  (extract(epoch from expires_at - now()) * 1000)::float8 as "expiresInMs", revoked_at as "revokedAt",
  encode(hash, 'hex') as hash`;

/** Keys in Postgres, by their hash: the keys themselves are stored nowhere. */
export function keyRepository(database: Database): KeyRepository {
  const query = <Row>(statement: Sql): Promise<QueryResult<Row>> =>
    database.queryAs<Row>({ role: "devmesh_engine", plans: "by_index" }, statement);
  return {
    findByHash: async (hash) => {
      const { rows } = await query<KeyRow>(sql`
        select ${keyColumns}
        from api_key
        where hash = decode(${hash.toString("hex")}, 'hex')`);
      return rows.map(toKeyRecord)[0];
    },
    findByHashes: async (hashes) => {
      // no transaction round it, so that an idle mesh is quiet: the login has the engine's rights by being granted its role
      const { rows } = await database.query<KeyRow>(sql`
        select ${keyColumns}
        from ${unnest(["text", hashes.map((hash) => hash.toString("hex"))])} as asked (hex)
        join api_key on hash = decode(asked.hex, 'hex')`);
      return new Map(rows.map((row) => [row.hash, toKeyRecord(row)]));
    },
    findByIds: async (refs) => {
      const asked = unnest(["uuid", refs.map(({ tenantId }) => tenantId)], ["uuid", refs.map(({ id }) => id)]);
      // as quiet as the one above
      const { rows } = await database.query<KeyRow>(sql`
        select ${keyColumns}
        from api_key
        join ${asked} as asked (owner_id, key_id) on tenant_id = owner_id and id = key_id`);
      return rows.map(toKeyRecord);
    },
    create: async ({ tenantId, id, kind, name, hash, display, scopes, agentName, team, expiresAt }) => {
      await query(sql`
        insert into api_key (tenant_id, id, kind, name, hash, display, scopes, agent_name, team, expires_at)
        values (${tenantId}, ${id}, ${kind}, ${name}, decode(${hash.toString("hex")}, 'hex'), ${display}, ${scopes},
          ${agentName}, ${team}, ${expiresAt})`);
    },
    createTenant: async ({ id, name }) => {
      await query(sql`insert into tenant (id, name) values (${id}, ${name})`);
    },
    findTenantByName: async (name) => {
      const { rows } = await query<{ id: TenantId; name: string }>(sql`
        select id, name from tenant where name = ${name}`);
      return rows[0];
    },
  };
}

function toKeyRecord({ agentName, team, expiresAt, expiresInMs, revokedAt, hash: _, ...key }: KeyRow): KeyRecord {
  return {
    ...key,
    ...(agentName !== null && { agentName }),
    ...(team !== null && { team }),
    ...(expiresAt !== null && { expiresAt }),
    ...(expiresInMs !== null && { expiresInMs }),
    ...(revokedAt !== null && { revokedAt }),
  };
}
