import type { VectorStorage } from "@devmesh/models";
import type { Database } from "../database/database.ts";

/** How vectors are kept unless somebody says: PGlite takes eight times as long to index a `halfvec` as a `vector`. */
export function defaultStorageOf({ kind }: Pick<Database, "kind">): VectorStorage {
  return kind === "pglite" ? "vector" : "halfvec";
}
