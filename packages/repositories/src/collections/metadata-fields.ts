import type { CollectionId, Metadata, MetadataType, TenantId } from "@devmesh/models";
import type { Queryable } from "../database/database.ts";
import { sql, unnest } from "../database/sql.ts";

/** A field and a type of value that it has. */
export interface SeenField {
  readonly path: string;
  readonly type: MetadataType;
}

/** The deepest field that is recorded, in keys: a filter names no deeper one. */
const maxKeys = 8;
/** The longest name that a filter may give. */
const maxPathLength = 256;
/** Of one collection: past it fields go unrecorded, and are compared with anything. Judgement. */
const maxFields = 1_000;
/** Of how many collections one process remembers what is recorded. Judgement. */
const maxCollections = 1_000;

/** What this process knows to be recorded, so that writes of known fields cost nothing. */
export interface KnownFields {
  /** Those of a batch that are not known yet. */
  missing(collectionId: CollectionId, metadata: readonly Metadata[]): readonly SeenField[];
  /** After the commit that recorded them. */
  add(collectionId: CollectionId, fields: readonly SeenField[]): void;
}

/** Remembers fields of the 1,000 collections that were written last. */
export function createKnownFields(): KnownFields {
  const known = new Map<CollectionId, ReadonlySet<string>>();
  return {
    missing: (collectionId, metadata) => {
      const recorded = known.get(collectionId) ?? new Set<string>();
      const fields = new Map(metadata.flatMap((one) => fieldsOf(one)).map((field) => [keyOf(field), field]));
      const room = Math.max(0, maxFields - recorded.size);
      return [...fields].flatMap(([key, field]) => (recorded.has(key) ? [] : [field])).slice(0, room);
    },
    add: (collectionId, fields) => {
      const recorded = known.get(collectionId) ?? new Set<string>();
      known.delete(collectionId);
      known.set(collectionId, new Set([...recorded, ...fields.map(keyOf)]));
      const oldest = known.keys().next().value;
      if (known.size > maxCollections && oldest !== undefined) known.delete(oldest);
    },
  };
}

/** Records fields; those that are there stay as they are. Nothing is written for none. */
export async function recordFields(
  tx: Queryable,
  { tenantId, collectionId }: { readonly tenantId: TenantId; readonly collectionId: CollectionId },
  fields: readonly SeenField[],
): Promise<void> {
  if (fields.length === 0) return;
  await tx.query(sql`
    insert into collection_field (tenant_id, collection_id, path, type)
    select ${tenantId}, ${collectionId}, f.path, f.type
    from ${unnest(["text", fields.map(({ path }) => path)], ["text", fields.map(({ type }) => type)])} as f (path, type)
    order by f.path, f.type
    on conflict (collection_id, path, type) do nothing`);
}

/**
 * The fields of one document, by the keys that lead to them. Lists count by their elements, to the depth that a filter
 * looks through: one list at each key.
 */
export function fieldsOf(metadata: Metadata): readonly SeenField[] {
  const fields: SeenField[] = [];
  const visit = (value: unknown, keys: readonly string[]): void => {
    const type = scalarType(value);
    const path = keys.join(".");
    if (type !== undefined && path.length <= maxPathLength) fields.push({ path, type });
    if (typeof value !== "object" || value === null || Array.isArray(value) || keys.length >= maxKeys) return;
    for (const [key, inner] of Object.entries(value)) {
      for (const one of Array.isArray(inner) ? inner : [inner]) visit(one, [...keys, key]);
    }
  };
  visit(metadata, []);
  return fields;
}

function scalarType(value: unknown): MetadataType | undefined {
  const type = typeof value;
  return type === "string" || type === "number" || type === "boolean" ? type : undefined;
}

function keyOf({ path, type }: SeenField): string {
  return `${type} ${path}`;
}
