import type { Collection, Distance, Vector } from "@devmesh/models";
import { type Sql, sql } from "../database/sql.ts";

/** A vector as pgvector reads it. */
export function vectorText(vector: Vector): string {
  return `[${vector.join(",")}]`;
}

/** A vector as pgvector writes it. */
export function parseVector(text: string): Vector {
  return Float32Array.from(JSON.parse(text) as readonly number[]);
}

const types: Readonly<Record<Collection["storage"], Readonly<Record<Collection["dimensions"], Sql>>>> = {
  vector: {
    256: sql`vector(256)`,
    384: sql`vector(384)`,
    512: sql`vector(512)`,
    1024: sql`vector(1024)`,
    1536: sql`vector(1536)`,
    // pgvector indexes no more than 2,000 dimensions of `vector`: such a collection is refused
    3072: sql`vector(3072)`,
  },
  halfvec: {
    256: sql`halfvec(256)`,
    384: sql`halfvec(384)`,
    512: sql`halfvec(512)`,
    1024: sql`halfvec(1024)`,
    1536: sql`halfvec(1536)`,
    3072: sql`halfvec(3072)`,
  },
};

const columns: Readonly<Record<Collection["storage"], Sql>> = { vector: sql`v.embedding`, halfvec: sql`v.half` };

/** Of `vector` and `halfvec` alike; the index of a collection is for one of them. `<#>` is the negative inner product. */
const operators: Readonly<Record<Distance, Sql>> = { cosine: sql`<=>`, dot: sql`<#>`, l2: sql`<->` };

/** The distance of row `v` of `chunk_vector` from a vector, written as the collection's index has it. */
export function distanceTo(vector: Vector, { storage, dimensions, distance }: Collection): Sql {
  const type = types[storage][dimensions];
  return sql`${columns[storage]}::${type} ${operators[distance]} ${vectorText(vector)}::${type}`;
}

/** A distance as a similarity: greater is nearer. */
export function similarityOf(distance: number, kind: Distance): number {
  if (kind === "cosine") return 1 - distance;
  return kind === "dot" ? -distance : 1 / (1 + distance);
}
