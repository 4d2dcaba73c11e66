import type { Hints, Objects } from "@devmesh/adapters";
import { contextDocuments, summarize } from "@devmesh/embedding";
import { createMemory, type Models } from "@devmesh/memory";
import type { Logger, Metrics } from "@devmesh/observability";
import { contextDigests, contextRemovals, type Database } from "@devmesh/repositories";
import { createUuidV7 } from "@devmesh/runtime";
import type { KeepContextsDeps } from "./keep-contexts.ts";

export interface OpenContextsOptions {
  readonly database: Database;
  readonly hints: Pick<Hints, "onContexts" | "nudgeEmbeddings">;
  readonly objects: Objects;
  readonly models: Pick<Models, "embedder" | "claude">;
  readonly nudges: KeepContextsDeps["nudges"];
  readonly metrics: Metrics;
  readonly logger: Logger;
}

/** Wires what keeps contexts: its stores, S3, metrics, and the hints that wake it and that it gives. */
export async function openContexts(options: OpenContextsOptions): Promise<KeepContextsDeps> {
  const { database, hints, objects, models, nudges, metrics, logger } = options;
  await hints.onContexts(() => {
    nudges.digests.nudge();
    nudges.removals.nudge();
  });
  const documents = contextDocuments(
    createMemory({ database, models, newId: createUuidV7(), nudgeEmbeddings: () => hints.nudgeEmbeddings() }),
  );
  return {
    digest: {
      digests: contextDigests(database),
      readObject: (key, range) => objects.readRange(key, range),
      summarize: (request) => summarize(models.claude, request),
      documents,
    },
    removal: {
      removals: contextRemovals(database),
      documents,
      deleteObjects: (keys, signal) => objects.delete(keys, signal),
    },
    nudges,
    digested: metrics.counter({
      name: "devmesh_contexts_digested_total",
      help: "contexts of which summary and embedding were to be made, by how that ended",
      labels: ["outcome"] as const,
    }),
    removed: metrics.counter({ name: "devmesh_contexts_removed_total", help: "contexts that were over" }),
    logger,
  };
}
