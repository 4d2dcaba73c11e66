import { AppError, type ModelUsage, toAppError } from "@devmesh/models";
import type { ConverseAnswer, ConverseRequest, ModelTransport } from "../ports/model-transport.ts";
import type { UsageLedger } from "../ports/usage-ledger.ts";

/** What is needed to have Claude write. */
export interface ClaudeDeps {
  /** One a region, in order of preference; at least one. */
  readonly transports: readonly ModelTransport[];
  readonly ledger: UsageLedger;
  /** `DEVMESH_CLAUDE_MODEL`; the smallest where undefined. */
  readonly model?: string | undefined;
  /** Ends early when the signal aborts. */
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
  /** At least 0, less than 1. */
  readonly random: () => number;
}

/** Each region is asked so many times. */
const rounds = 4;
/** The first wait is up to so long; each later one twice that (full jitter). */
const firstWaitMs = 1_000;

/** Worth another try, here or elsewhere. */
const transientCodes: ReadonlySet<string> = new Set(["resource_exhausted", "unavailable", "deadline_exceeded"]);
/** The account may not use the model in that region, or it isn't there: worth the next region, not another try. */
const regionalCodes: ReadonlySet<string> = new Set(["not_found", "permission_denied"]);

/**
 * Asks one region after the other, and all again after a while, as long as one of them is busy or away.
 *
 * @throws AppError what the model refuses (`invalid_argument`) at once; the last trouble when all tries are used up;
 * `unavailable`, reason `no_provider`, where no region offers the model to this account
 */
export async function askClaude(
  { transports, sleep, random }: ClaudeDeps,
  request: ConverseRequest,
  signal: AbortSignal,
): Promise<ConverseAnswer> {
  let offering = transports;
  let trouble = new AppError("unavailable", "no region is configured for Claude", { reason: "no_provider" });
  for (let round = 0; round < rounds && offering.length > 0; round++) {
    if (round > 0) await sleep(random() * firstWaitMs * 2 ** (round - 1), signal);
    signal.throwIfAborted();
    const busy: ModelTransport[] = [];
    for (const transport of offering) {
      const answer = await askRegion(transport, request, signal);
      if (!(answer instanceof AppError)) return answer;
      trouble = answer;
      if (transientCodes.has(trouble.code)) busy.push(transport);
    }
    offering = busy;
  }
  throw regionalCodes.has(trouble.code) ? toUnavailable(request.modelId, trouble) : trouble;
}

/** Gives the answer, or why another region may have one. */
async function askRegion(
  transport: ModelTransport,
  request: ConverseRequest,
  signal: AbortSignal,
): Promise<ConverseAnswer | AppError> {
  try {
    return await transport.converse(request, { signal });
  } catch (caught) {
    signal.throwIfAborted();
    const error = toAppError(caught);
    if (transientCodes.has(error.code) || regionalCodes.has(error.code)) return error;
    throw error;
  }
}

/** It is how the mesh is set up that is wrong, not what its caller asked for. */
function toUnavailable(model: string, cause: AppError): AppError {
  const message = `no region offers ${model} to this account: ${cause.message}`;
  return new AppError("unavailable", message, { reason: "no_provider", cause });
}

/** One entry for the ledger out of many. */
export function sumUsages(model: string, usages: readonly ModelUsage[]): ModelUsage {
  let [inputTokens, outputTokens, costMicroUsd] = [0, 0, 0];
  for (const usage of usages) {
    inputTokens += usage.inputTokens;
    outputTokens += usage.outputTokens;
    costMicroUsd += usage.costMicroUsd;
  }
  return { model, inputTokens, outputTokens, costMicroUsd };
}
