import type { Vector } from "@devmesh/models";
import type { Database } from "../database/database.ts";
import { sql, unnest } from "../database/sql.ts";

/** Remembers vectors by SHA-256 in hex. Losing one costs money and time, nothing else: it never throws, it forgets. */
export interface PostgresEmbeddingCache {
  readonly level: string;
  getMany(keys: readonly string[]): Promise<ReadonlyMap<string, Vector>>;
  setMany(entries: ReadonlyMap<string, Vector>): Promise<void>;
}

/**
 * Vectors in Postgres, exactly as they were: four bytes a number. What is read is noted by the day, so that `prune` knows
 * what nobody asks for any more; a vector is written to for that once a day at most.
 */
export function postgresEmbeddingCache(database: Database): PostgresEmbeddingCache {
  const scope = { role: "devmesh_engine" } as const;
  return {
    level: "postgres",
    getMany: async (keys) => {
      if (keys.length === 0) return new Map();
      const statement = sql`
        with found as materialized (
          select c.key, c.vector, c.used_on from embedding_cache c
          where c.key in (select decode(k, 'hex') from unnest(${keys}::text[]) as k)
        ), used as (
          update embedding_cache c set used_on = current_date
          where c.key in (
            select o.key from embedding_cache o
            where o.key in (select f.key from found f where f.used_on < current_date)
            order by o.key for update skip locked
          )
        )
        select encode(key, 'hex') as key, encode(vector, 'base64') as vector from found`;
      try {
        const { rows } = await database.queryAs<{ key: string; vector: string }>(scope, statement);
        return new Map(rows.map(({ key, vector }) => [key, fromBase64(vector)]));
      } catch {
        // A cache forgets rather than fails: the caller embeds again.
        return new Map();
      }
    },
    setMany: async (entries) => {
      if (entries.size === 0) return;
      const statement = sql`
        insert into embedding_cache (key, vector)
        select decode(e.key, 'hex'), decode(e.vector, 'base64')
        from ${unnest(["text", [...entries.keys()]], ["text", [...entries.values()].map(toBase64)])} as e (key, vector)
        order by e.key
        on conflict (key) do nothing`;
      // As above: what was not remembered is embedded again.
      await database.queryAs(scope, statement).catch(() => undefined);
    },
  };
}

/** Little-endian, as all machines that this runs on have it. */
function toBase64({ buffer, byteOffset, byteLength }: Vector): string {
  return Buffer.from(buffer, byteOffset, byteLength).toString("base64");
}

function fromBase64(text: string): Vector {
  const bytes = Buffer.from(text, "base64");
  // copied: a Buffer may begin anywhere in a larger block, and numbers of four bytes only at multiples of four
  return new Float32Array(Uint8Array.from(bytes).buffer);
}
