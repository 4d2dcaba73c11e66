/** What a field of metadata is compared with. */
export type MetadataValue = string | number | boolean;

/** What values of metadata may be told apart by. Lists count by their elements: a list `eq` a value that is in it. */
export const metadataTypes = ["string", "number", "boolean"] as const;
/** One of {@link metadataTypes}. */
export type MetadataType = (typeof metadataTypes)[number];

/**
 * Which documents are searched, by their metadata. `path` are the keys from the top: `author.name` is two. Ranges are of
 * numbers, or of strings by code point (so that RFC 3339 times can be compared).
 */
export type MetadataFilter =
  | { readonly op: "and" | "or"; readonly filters: readonly MetadataFilter[] }
  | { readonly op: "not"; readonly filter: MetadataFilter }
  | { readonly op: "eq"; readonly path: readonly string[]; readonly value: MetadataValue }
  | { readonly op: "in"; readonly path: readonly string[]; readonly values: readonly MetadataValue[] }
  | { readonly op: "gt" | "gte" | "lt" | "lte"; readonly path: readonly string[]; readonly value: string | number }
  | { readonly op: "exists"; readonly path: readonly string[] };

/** A field of a collection's metadata, and what values of it were seen. */
export interface MetadataField {
  /** Dotted. */
  readonly path: string;
  readonly types: readonly MetadataType[];
}
