import type { Hints, Objects } from "@devmesh/adapters";
import { createContexts, createKnowledge, createMemory, openModels } from "@devmesh/memory";
import type { NewId } from "@devmesh/models";
import type { Logger, Metrics } from "@devmesh/observability";
import type { Database } from "@devmesh/repositories";
import type { ModelsConfig, StoresConfig } from "@devmesh/runtime";
import type { MemoryToolDeps } from "./tools/memory/memory-tool-deps.ts";

/** What a node's memory is opened with. */
export interface OpenMemoryOptions {
  readonly database: Database;
  readonly objects?: Objects | undefined;
  readonly hints: Pick<Hints, "nudgeEmbeddings" | "entriesChanged">;
  readonly newId: NewId;
  readonly metrics: Metrics;
  readonly logger: Logger;
}

/** Opens the models, and what is known, for the tools and resources of a node. Nothing is called before it is used. */
export function openMemory(
  config: { readonly models: ModelsConfig; readonly stores: StoresConfig | undefined },
  { database, objects, hints, newId, metrics, logger }: OpenMemoryOptions,
): Omit<MemoryToolDeps, "newId"> & AsyncDisposable {
  const models = openModels({ config: config.models, redisUrl: config.stores?.redisUrl, database, metrics });
  const memory = createMemory({ database, models, newId, nudgeEmbeddings: () => hints.nudgeEmbeddings() });
  return {
    ...createContexts({ database, memory, objects }),
    ...createKnowledge({
      ...{ database, memory, logger },
      tellChanged: (tenantId, entryId) => hints.entriesChanged([{ tenantId, entryId }]),
    }),
    [Symbol.asyncDispose]: () => models[Symbol.asyncDispose](),
  };
}
