import type { Hints } from "@devmesh/adapters";
import { knowledgeDocuments, syncStale } from "@devmesh/embedding";
import { createMemory, type Models } from "@devmesh/memory";
import type { Logger } from "@devmesh/observability";
import { type Database, knowledgeSyncRepository } from "@devmesh/repositories";
import { createUuidV7, type Nudge, runLoop } from "@devmesh/runtime";

/** What knowledge is kept with. */
export interface KeepKnowledgeOptions {
  readonly database: Database;
  readonly hints: Pick<Hints, "nudgeEmbeddings">;
  readonly models: Pick<Models, "embedder" | "claude">;
  /** Nudged when an entry's document is missing. */
  readonly nudge: Nudge;
  readonly logger: Logger;
}

const entriesAtOnce = 100;
/** The look at everything finds what is to be done (`look-for-memory.ts`). */
const idleMs = 600_000;

/**
 * Writes documents of entries that whoever wrote the entry could not write, until `signal` aborts. Any number of workers
 * do it side by side.
 */
export async function keepKnowledge(options: KeepKnowledgeOptions, signal: AbortSignal): Promise<void> {
  const { database, hints, models, logger } = options;
  const nudgeEmbeddings = (): void => hints.nudgeEmbeddings();
  const documents = knowledgeDocuments(createMemory({ database, models, newId: createUuidV7(), nudgeEmbeddings }));
  const deps = { sync: knowledgeSyncRepository(database), documents };
  const work = async (): Promise<void> => {
    const written = await syncStale(deps, entriesAtOnce);
    if (written > 0) logger.info({ entries: written }, "documents of entries were written late");
    if (written < entriesAtOnce) await options.nudge.wait(idleMs, signal);
  };
  await runLoop({ name: "keep knowledge", signal, logger, work });
}
