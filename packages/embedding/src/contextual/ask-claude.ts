import { AppError, type ModelUsage, type TenantId, toAppError } from "@devmesh/models";
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

/** Who pays, and how long it may take. */
export interface ClaudeTurn {
  readonly tenantId: TenantId;
  readonly signal: AbortSignal;
}

/** Each region is asked so many times. */
const rounds = 4;
/** The first wait is up to so long; each later one twice that (full jitter). */
const firstWaitMs = 1_000;

const transientCodes: ReadonlySet<string> = new Set(["resource_exhausted", "unavailable", "deadline_exceeded"]);

/**
 * Asks one region after the other, and all again after a while, as long as they are busy or away.
 *
 * @throws AppError as `ModelTransport.converse`: what the model refuses at once, the last trouble when all tries are used up
 */
export async function askClaude(
  { transports, sleep, random }: ClaudeDeps,
  request: ConverseRequest,
  signal: AbortSignal,
): Promise<ConverseAnswer> {
  let trouble = new AppError("unavailable", "no region is configured for Claude");
  for (let round = 0; round < rounds; round++) {
    if (round > 0) await sleep(random() * firstWaitMs * 2 ** (round - 1), signal);
    signal.throwIfAborted();
    for (const transport of transports) {
      try {
        return await transport.converse(request, { signal });
      } catch (caught) {
        signal.throwIfAborted();
        trouble = toAppError(caught);
        if (!transientCodes.has(trouble.code)) throw trouble;
      }
    }
  }
  throw trouble;
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
