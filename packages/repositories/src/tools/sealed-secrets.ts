import type { NamedSecret, SealedSecret, TenantId, ToolServerId } from "@devmesh/models";
import type { Database } from "../database/database.ts";
import { sql } from "../database/sql.ts";

/** A secret as it is stored, and whose it is: `id` is that of its server. */
export interface SealedRow extends NamedSecret {
  readonly tenantId: TenantId;
  readonly id: ToolServerId;
}

/** The sealed secrets of all tenants, for who seals them anew. */
export interface SealedSecretStore {
  /** Those that another key than this one sealed, by server and name, from behind `after` on. */
  findOthers(asked: {
    readonly keyId: string;
    readonly limit: number;
    readonly after: Pick<SealedRow, "id" | "name"> | undefined;
  }): Promise<readonly SealedRow[]>;
  /** Puts what is newly sealed in the place of what was read. False where that is not there any more. */
  replace(read: SealedRow, sealed: SealedSecret): Promise<boolean>;
}

/** The secrets in Postgres; each call is a transaction of its own. */
export function sealedSecrets(database: Database): SealedSecretStore {
  return {
    async findOthers({ keyId, limit, after }) {
      const { rows } = await database.queryAs<SealedRow>(
        { role: "devmesh_engine" },
        sql`
          select tenant_id as "tenantId", server_id as id, name, key_id as "keyId", encode(nonce, 'base64') as nonce,
            encode(ciphertext, 'base64') as ciphertext, encode(tag, 'base64') as tag
          from tool_secret
          where key_id <> ${keyId}
            ${after === undefined ? sql`` : sql`and (server_id, name) > (${after.id}::uuid, ${after.name}::text)`}
          order by server_id, name
          limit ${limit}`,
      );
      return rows;
    },
    async replace({ tenantId, id, name, ...read }, { keyId, nonce, ciphertext, tag }) {
      const { rowCount } = await database.queryAs(
        { role: "devmesh_app", tenants: [tenantId], plans: "by_index" },
        sql`
          update tool_secret
          set key_id = ${keyId}, nonce = decode(${nonce}, 'base64'), ciphertext = decode(${ciphertext}, 'base64'),
            tag = decode(${tag}, 'base64')
          where server_id = ${id} and name = ${name} and tenant_id = ${tenantId} and key_id = ${read.keyId}
            and nonce = decode(${read.nonce}, 'base64')`,
      );
      return rowCount > 0;
    },
  };
}
