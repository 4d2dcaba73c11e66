import type { Objects } from "@devmesh/adapters";
import { type CollectionStore, type DocumentResult, prepareDocuments, toDocumentResults } from "@devmesh/embedding";
import {
  AppError,
  type Collection,
  type ErrorCode,
  type ImportLineError,
  type ImportProgress,
  isImportBody,
  maxImportErrors,
  maxImportLineBytes,
  type NewId,
  toAppError,
  toErrorBody,
} from "@devmesh/models";
import type { OpenImport, OpenImports } from "@devmesh/repositories";
import { batchLines } from "./batch-lines.ts";
import { type Line, readLines } from "./read-lines.ts";

export interface RunImportDeps {
  readonly imports: OpenImports;
  readonly collections: Pick<CollectionStore, "find">;
  readonly objects: Pick<Objects, "readRange" | "delete">;
  readonly newId: NewId;
  readonly breathe: () => Promise<void>;
  /** Milliseconds of a clock that only rises. */
  readonly now: () => number;
  readonly leaseMs: number;
  /** Told after each batch, and at the end. */
  readonly onProgress: (claimed: OpenImport, results: readonly DocumentResult[]) => void;
}

/** How an import left the worker. `paused`: others have their turn. */
export type ImportEnd =
  | { readonly state: "completed" | "cancelled" | "paused" }
  | { readonly state: "failed"; readonly error: AppError };

const windowBytes = 4 * 1_048_576;
/** How long one import goes on while others may wait. Judgement. */
const sliceMs = 5_000;
/** What passes by itself: the import is tried again. */
const passing: readonly ErrorCode[] = [
  "unavailable",
  "deadline_exceeded",
  "resource_exhausted",
  "cancelled",
  "internal",
];
/** Tries without getting on, 10 s apart or a lease: an outage of minutes fails nothing. Judgement. */
const maxTries = 30;
const retryMs = 10_000;

/**
 * Carries a claimed import on, batch by batch, until it is over, its time is up, or `signal` aborts; another worker goes on
 * where it was left. Never rejects for what is wrong with the import.
 *
 * @throws AppError `conflict`, reason `lease_lost`; `unavailable` without a database.
 */
export async function runImport(deps: RunImportDeps, claimed: OpenImport, signal: AbortSignal): Promise<ImportEnd> {
  const end = await carryOn(deps, claimed, signal);
  if (end.state === "paused") {
    await deps.imports.release(claimed, 0);
    return end;
  }
  if (end.state !== "failed") {
    await deps.imports.finish(claimed, end.state);
    await deleteBody(deps, claimed);
    return end;
  }
  const { error } = end;
  if (error.reason === "lease_lost") throw error;
  const { code, message } = toErrorBody(error);
  if (!isPassing(error) || claimed.tries >= maxTries) {
    await deps.imports.finish(claimed, "failed", { code, message });
    await deleteBody(deps, claimed);
    return end;
  }
  await deps.imports.release(claimed, signal.aborted ? 0 : retryMs);
  return { state: "paused" };
}

/** What S3 does not delete now is left to the bucket's lifecycle rule. */
async function deleteBody({ objects }: RunImportDeps, { tenantId, job }: OpenImport): Promise<void> {
  if (isImportBody(tenantId, job.key)) await objects.delete([job.key]).catch(() => undefined);
}

/** A deadlock, or a plan that a migration made stale, is a conflict that passes. */
function isPassing({ code, reason }: AppError): boolean {
  return passing.includes(code) || reason === "serialization";
}

async function carryOn(deps: RunImportDeps, claimed: OpenImport, signal: AbortSignal): Promise<ImportEnd> {
  if (claimed.isCancelAsked) return { state: "cancelled" };
  const { tenantId, job } = claimed;
  try {
    const collection = await deps.collections.find(tenantId, job.collectionId);
    if (collection === undefined) throw new AppError("not_found", "the collection was deleted");
    return await writeBatches(deps, { claimed, collection, signal });
  } catch (caught) {
    return { state: "failed", error: toAppError(caught) };
  }
}

interface Run {
  readonly claimed: OpenImport;
  readonly collection: Collection;
  readonly signal: AbortSignal;
}

async function writeBatches(deps: RunImportDeps, run: Run): Promise<ImportEnd> {
  const { claimed, signal } = run;
  const { job, etag } = claimed;
  const until = deps.now() + sliceMs;
  const kept = keepLease(deps, claimed);
  const lines = readLines({
    read: async (start, end) => {
      await kept.renew();
      return deps.objects.readRange(job.key, { start, end, etag, signal });
    },
    ...{ size: job.size, offset: job.offset, lines: job.lines, maxLineBytes: maxImportLineBytes, windowBytes },
  });
  let progress: ImportProgress = job;
  for await (const batch of batchLines(lines, job.offset)) {
    const written = await writeBatch(deps, run, { batch, before: progress });
    progress = written.progress;
    kept.isRenewed();
    if (!written.goesOn) return { state: "cancelled" };
    if (signal.aborted || deps.now() >= until) return { state: "paused" };
  }
  return { state: "completed" };
}

/** A window of a large object may bring nothing to write: empty lines, or a part of one that is too long. */
function keepLease({ imports, now, leaseMs }: RunImportDeps, claimed: OpenImport) {
  let renewedAt = now();
  return {
    isRenewed: (): void => {
      renewedAt = now();
    },
    renew: async (): Promise<void> => {
      if (now() - renewedAt < leaseMs / 3) return;
      await imports.renew(claimed, leaseMs);
      renewedAt = now();
    },
  };
}

async function writeBatch(
  deps: RunImportDeps,
  { claimed, collection }: Run,
  { batch, before }: { readonly batch: readonly Line[]; readonly before: ImportProgress },
): Promise<{ readonly goesOn: boolean; readonly progress: ImportProgress }> {
  const parsed = batch.flatMap(({ number, value }) => ("json" in value ? [{ number, json: value.json }] : []));
  const nameItem = (index: number): string => `line ${parsed[index]?.number}`;
  const prepared =
    parsed.length === 0
      ? { writes: new Map(), problems: new Map() }
      : await prepareDocuments(deps, { collection, documents: parsed.map(({ json }) => json), nameItem });
  let results: readonly DocumentResult[] = [];
  let progress = before;
  const documents = [...prepared.writes.values()];
  const progressOf = (outcomes: Parameters<typeof toDocumentResults>[1]): ImportProgress => {
    results = toDocumentResults(prepared, outcomes, nameItem);
    progress = addResults(before, batch, results);
    return progress;
  };
  const goesOn = await deps.imports.write(claimed, { documents, progressOf }, deps.leaseMs);
  deps.onProgress(claimed, results);
  return { goesOn, progress };
}

/** @param results of the lines that are JSON, in their order. */
function addResults(
  before: ImportProgress,
  batch: readonly Line[],
  results: readonly DocumentResult[],
): ImportProgress {
  const counts = { ...before.counts };
  const errors: ImportLineError[] = [...before.errors];
  const unread = [...results];
  for (const { number, value } of batch) {
    const result = "json" in value ? unread.shift() : { error: toErrorBody(value.error) };
    if (result === undefined) continue;
    if ("document" in result) {
      counts[result.document.outcome] += 1;
      continue;
    }
    const { code, reason, message } = result.error;
    counts[reason === "document_changed" ? "changed" : "failed"] += 1;
    const error = { code, ...(reason !== undefined && { reason }), message };
    if (errors.length < maxImportErrors) errors.push({ line: number, error });
  }
  const last = batch.at(-1);
  return { offset: last?.end ?? before.offset, lines: last?.number ?? before.lines, counts, errors };
}
