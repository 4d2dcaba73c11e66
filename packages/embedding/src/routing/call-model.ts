import { AppError, toAppError } from "@devmesh/models";
import { backoffMs } from "./backoff.ts";
import { assertWanted } from "./cancelled.ts";
import type { CallAnswer, ModelCall, ModelTarget } from "./model-target.ts";

/** How often all regions are gone through while they fail in ways that pass. */
const maxRounds = 3;

/** What waiting between rounds needs. */
export interface RoundTimes {
  readonly random: () => number;
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
}

/**
 * Calls a model in the first of its regions that answers: in their order, those that are prompt and have room first. A
 * call's `limitMs` holds while there is another region to go to. One that is
 * unavailable, late, denied or (after its own retries) busy is passed over. Where all were, and one for a reason that
 * passes, they are gone through again after a pause, three times in all.
 *
 * @throws AppError `resource_exhausted` where one of them is busy; else `unavailable`; both with the shortest
 * `retryAfterMs`. `invalid_argument` at once: no other region would take what one refuses.
 */
export async function callModel(
  targets: readonly ModelTarget[],
  call: ModelCall,
  times: RoundTimes,
): Promise<CallAnswer> {
  for (let round = 1; ; round++) {
    const tried = await callOneOf(targets, call);
    if ("tokens" in tried) return tried;
    if (round === maxRounds || !tried.failures.some(mayPass)) throw toOneFailure(tried.failures);
    await times.sleep(backoffMs(round, times.random()), call.signal);
    assertWanted(call.signal);
  }
}

/** True for a failure of this model that another one, or the same a little later, need not have. */
export function leadsOn(error: AppError): boolean {
  return leadingCodes.has(error.code);
}

/** Several failures as one: busy comes before unavailable, as it passes sooner. */
export function toOneFailure(failures: readonly AppError[]): AppError {
  const busy = failures.findLast((error) => error.code === "resource_exhausted");
  const last = busy ?? failures.at(-1);
  const delays = failures.flatMap((error) => error.retryAfterMs ?? []);
  return new AppError(busy === undefined ? "unavailable" : "resource_exhausted", last?.message ?? "no model answers", {
    reason: last?.reason,
    retryAfterMs: delays.length === 0 ? undefined : Math.min(...delays),
    cause: last,
  });
}

const leadingCodes: ReadonlySet<string> = new Set([
  "resource_exhausted",
  "unavailable",
  "deadline_exceeded",
  "permission_denied",
  "not_found",
]);

function mayPass(error: AppError): boolean {
  return error.code === "unavailable" && error.reason !== "breaker_open" && error.reason !== "bad_answer";
}

async function callOneOf(
  targets: readonly ModelTarget[],
  call: ModelCall,
): Promise<CallAnswer | { readonly failures: readonly AppError[] }> {
  const failures: AppError[] = [];
  const order = bestFirst(targets);
  for (const target of order) {
    try {
      return await target.call(target === order.at(-1) ? { ...call, limitMs: undefined } : call);
    } catch (caught) {
      const error = toAppError(caught);
      assertWanted(call.signal);
      if (!leadsOn(error)) throw error;
      failures.push(error);
    }
  }
  return { failures };
}

function bestFirst(targets: readonly ModelTarget[]): readonly ModelTarget[] {
  const drawbacks = new Map(
    targets.map((target) => [target, Number(target.waitMs() > 0) + 2 * Number(!target.isPrompt())]),
  );
  return targets.toSorted((a, b) => (drawbacks.get(a) ?? 0) - (drawbacks.get(b) ?? 0));
}
