import type { Hints } from "@devmesh/adapters";
import { knowledgeDocuments, syncStale } from "@devmesh/embedding";
import type { Logger } from "@devmesh/observability";
import { type Database, knowledgeSyncRepository } from "@devmesh/repositories";
import { type Nudge, runLoop } from "@devmesh/runtime";
import { openDocumentDeps } from "../embedding/open-document-deps.ts";
import type { Models } from "../embedding/open-models.ts";

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
  const { logger } = options;
  const documents = knowledgeDocuments(openDocumentDeps(options));
  const deps = { sync: knowledgeSyncRepository(options.database), documents };
  const work = async (): Promise<void> => {
    const written = await syncStale(deps, entriesAtOnce);
    if (written > 0) logger.info({ entries: written }, "documents of entries were written late");
    if (written < entriesAtOnce) await options.nudge.wait(idleMs, signal);
  };
  await runLoop({ name: "keep knowledge", signal, logger, work });
}
