import { setImmediate as breathe } from "node:timers/promises";
import type { Hints, Objects } from "@devmesh/adapters";
import type { DocumentResult } from "@devmesh/embedding";
import type { Logger, Metrics } from "@devmesh/observability";
import { collectionRepository, type Database, openImports } from "@devmesh/repositories";
import { createUuidV7, type Nudge } from "@devmesh/runtime";
import type { KeepImportsDeps } from "./keep-imports.ts";

export interface OpenImportsOptions {
  readonly database: Database;
  readonly hints: Pick<Hints, "onImports" | "nudgeImports" | "nudgeEmbeddings" | "collectionsChanged">;
  readonly objects: Objects;
  readonly canWork: () => boolean;
  readonly nudges: { readonly imports: Nudge };
  /** How long a worker may be silent about an import before another takes it over. */
  readonly leaseMs: number;
  readonly metrics: Metrics;
  readonly logger: Logger;
}

/** Wires what imports: its stores, metrics, and the hints that wake it and that it gives. */
export async function openImporting(options: OpenImportsOptions): Promise<KeepImportsDeps> {
  const { database, hints, objects, canWork, leaseMs, metrics, logger } = options;
  const nudge = options.nudges.imports;
  await hints.onImports(() => nudge.nudge());
  const documents = metrics.counter({
    name: "devmesh_imported_documents_total",
    help: "lines of imports, by what became of them",
    labels: ["outcome"] as const,
  });
  const ended = metrics.counter({
    name: "devmesh_imports_total",
    help: "imports that are over",
    labels: ["state"] as const,
  });
  return {
    imports: openImports(database),
    collections: collectionRepository(database),
    objects,
    newId: createUuidV7(),
    breathe,
    now: () => performance.now(),
    ...{ leaseMs, nudge, canWork, logger },
    onLeft: () => hints.nudgeImports(),
    onEnd: (state) => ended.inc({ state }),
    onProgress: ({ tenantId, job }, results) => {
      for (const result of results) documents.inc({ outcome: outcomeOf(result) });
      if (results.some((result) => "document" in result)) hints.nudgeEmbeddings();
      hints.collectionsChanged([{ tenantId, collectionId: job.collectionId }]);
    },
  };
}

function outcomeOf(result: DocumentResult): string {
  return "document" in result ? result.document.outcome : "refused";
}
