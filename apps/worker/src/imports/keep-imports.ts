import { randomUUID } from "node:crypto";
import type { Logger } from "@devmesh/observability";
import { type Nudge, runLoop } from "@devmesh/runtime";
import { type ImportEnd, type RunImportDeps, runImport } from "./run-import.ts";

export interface KeepImportsDeps extends RunImportDeps {
  /** Nudged when an import was asked for. */
  readonly nudge: Nudge;
  /** Told how imports ended. */
  readonly onEnd: (state: Exclude<ImportEnd["state"], "paused">) => void;
  /** Told that an import waits for another worker, because this one stops. */
  readonly onLeft: () => void;
  /** While it says no nothing is claimed. */
  readonly canWork: () => boolean;
  readonly logger: Logger;
}

/** What no hint told of, the look at everything finds (`look-for-memory.ts`). */
const idleMs = 600_000;
const blockedMs = 1_000;

/** Carries imports out, one after the other and in slices, until `signal` aborts. Every worker does; it never rejects. */
export async function keepImports(deps: KeepImportsDeps, signal: AbortSignal): Promise<void> {
  await runLoop({
    name: "import documents",
    signal,
    logger: deps.logger,
    maxBackoffMs: 5_000,
    work: async () => {
      const isDone = deps.canWork() && (await importNext(deps, signal));
      if (!isDone) await deps.nudge.wait(deps.canWork() ? idleMs : blockedMs, signal);
    },
  });
}

/** False where nothing waits. */
async function importNext(deps: KeepImportsDeps, signal: AbortSignal): Promise<boolean> {
  const claimed = await deps.imports.claim(randomUUID(), deps.leaseMs);
  if (claimed === undefined) return false;
  const { tenantId, job } = claimed;
  const ids = { tenantId, importId: job.id };
  const end = await runImport(deps, claimed, signal);
  deps.onProgress(claimed, []);
  if (end.state === "paused" && signal.aborted) deps.onLeft();
  if (end.state === "paused") return true;
  deps.onEnd(end.state);
  const err = end.state === "failed" ? end.error : undefined;
  deps.logger.info({ ...ids, state: end.state, err }, "import is over");
  return true;
}
