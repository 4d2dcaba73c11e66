import type { Chunking, Collection, CollectionId, CollectionKind, TenantId } from "@devmesh/models";
import { type Sql, sql } from "../database/sql.ts";

/** A row of `collection`, as {@link collectionColumns} reads it. */
export interface CollectionRow extends Pick<Collection, "model" | "dimensions" | "distance" | "storage" | "context"> {
  readonly tenantId: TenantId;
  readonly id: CollectionId;
  readonly kind: CollectionKind;
  readonly name: string;
  readonly description: string | null;
  readonly m: number;
  readonly efConstruction: number;
  readonly efSearch: number;
  readonly chunking: Chunking;
  readonly language: Collection["language"];
  readonly createdAt: Date;
}

/** All but what housekeeping needs, of collection `c`. */
export const collectionColumns: Sql = sql`c.tenant_id as "tenantId", c.id, c.kind, c.name, c.description, c.model,
  c.dimensions, c.distance, c.storage, c.hnsw_m as m, c.hnsw_ef_construction as "efConstruction",
  c.hnsw_ef_search as "efSearch", c.chunking, c.context, c.language, c.created_at as "createdAt"`;

/** The collection of a row. */
export function toCollection({ m, efConstruction, efSearch, description, ...row }: CollectionRow): Collection {
  return { ...row, description: description ?? undefined, hnsw: { m, efConstruction, efSearch } };
}
