import { AppError, contextKey, type DocumentId, type ErrorCode, toAppError, toErrorBody } from "@devmesh/models";
import type { ClaimedContext, ContextDigests, DigestResult } from "../ports/context-store.ts";
import type { SummaryRequest } from "../summary/summarize.ts";
import { type ContextDocuments, cutContext, maxDigestBytes } from "./context-documents.ts";

/** What making summaries and embeddings of contexts stands on. */
export interface DigestDeps {
  readonly digests: Pick<ContextDigests, "settle">;
  /** `[start, end)` of an object, of that content alone. */
  readonly readObject: (
    key: string,
    range: { readonly start: number; readonly end: number; readonly etag: string; readonly signal: AbortSignal },
  ) => Promise<Uint8Array>;
  readonly summarize: (request: SummaryRequest) => Promise<string>;
  readonly documents: Pick<ContextDocuments, "write">;
}

/** How a digest ended; `lost`: somebody else has the context, or nobody any more. */
export type DigestOutcome = "done" | "retry" | "failed" | "lost";

/** After so many tries what is missing is given up. */
const maxDigestTries = 8;
const maxSummaryCharacters = 1_000;
/** After the first try that failed; it doubles, to a bound: eight tries take about twenty minutes. */
const firstRetryMs = 10_000;
const maxRetryMs = 600_000;

const space = 0x20;

/** What says that the next try would fail, too. */
const lastingCodes: ReadonlySet<ErrorCode> = new Set([
  "invalid_argument",
  "not_found",
  "conflict",
  "failed_precondition",
]);

/**
 * Makes what is asked for of a context, of its first 4 MiB: a summary, and documents that it is found by. What was made is
 * kept, whatever becomes of the rest; that is tried again later, unless trying can't help. Idempotent: a lost claim is
 * made again, and writes the same documents.
 */
export async function digestContext(
  deps: DigestDeps,
  claim: ClaimedContext,
  signal: AbortSignal,
): Promise<DigestOutcome> {
  const made: { summary?: string; documentIds?: readonly DocumentId[]; bytesRead?: number } = {};
  let failure: AppError | undefined;
  try {
    const { text, bytesRead } = await readText(deps, claim, signal);
    made.bytesRead = bytesRead;
    failure = await attempt(claim.wantsEmbedding, async () => {
      made.documentIds = await deps.documents.write(claim.tenantId, cutContext({ ...claim, text }));
    });
    const missed = await attempt(claim.wantsSummary, async () => {
      const { tenantId } = claim;
      made.summary = await deps.summarize({ tenantId, text, maxCharacters: maxSummaryCharacters, signal });
    });
    failure ??= missed;
  } catch (caught) {
    failure = toAppError(caught);
  }
  const result: DigestResult = failure === undefined ? made : { ...made, ...toFailure(failure, claim.tries) };
  if (!(await deps.digests.settle(claim, result))) return "lost";
  if (failure === undefined) return "done";
  return result.retryInMs === undefined ? "failed" : "retry";
}

async function attempt(isWanted: boolean, work: () => Promise<void>): Promise<AppError | undefined> {
  if (!isWanted) return undefined;
  try {
    await work();
    return undefined;
  } catch (caught) {
    return toAppError(caught);
  }
}

function toFailure(error: AppError, tries: number): Pick<DigestResult, "error" | "retryInMs"> {
  const { code, message } = toErrorBody(error);
  // a deadlock, or a plan that a migration made stale, is a conflict that passes
  const isLasting = lastingCodes.has(error.code) && error.reason !== "serialization";
  const isOver = isLasting || tries >= maxDigestTries;
  const backoffMs = Math.min(maxRetryMs, firstRetryMs * 2 ** (tries - 1));
  return { error: { code, message }, ...(!isOver && { retryInMs: Math.max(backoffMs, error.retryAfterMs ?? 0) }) };
}

async function readText(
  { readObject }: DigestDeps,
  claim: ClaimedContext,
  signal: AbortSignal,
): Promise<{ readonly text: string; readonly bytesRead: number }> {
  const end = Math.min(claim.size, maxDigestBytes);
  const bytes = await readObject(contextKey(claim), { start: 0, end, etag: claim.etag, signal });
  const text = decode(bytes, end < claim.size);
  if (text.trim() === "") throw new AppError("invalid_argument", "there is no text in it");
  return { text, bytesRead: bytes.byteLength };
}

/**
 * U+0000, which Postgres keeps in no text, becomes a space: as many bytes, so that places in the text are those in the
 * object. A character that the cut went through is left out.
 */
function decode(bytes: Uint8Array, isCut: boolean): string {
  try {
    const storable = bytes.includes(0) ? bytes.map((byte) => (byte === 0 ? space : byte)) : bytes;
    return new TextDecoder("utf-8", { fatal: true }).decode(storable, { stream: isCut });
  } catch (cause) {
    throw new AppError("invalid_argument", "it is not valid UTF-8", { cause });
  }
}
