import { AppError, toAppError, type Vector } from "@devmesh/models";
import type { EmbeddingModel, WireOptions } from "../catalogue/embedding-model.ts";
import { exactMicroUsd } from "../catalogue/model-cost.ts";
import type { EmbedderHooks } from "../embedder/embedder-hooks.ts";
import { backoffMs } from "./backoff.ts";
import { assertWanted, whileWanted } from "./cancelled.ts";
import type { Gate } from "./gate.ts";
import type { TokenBucket } from "./token-bucket.ts";

/** What one call embeds. */
export interface ModelCall extends WireOptions {
  /** 1 to the model's `textsPerCall`, normalised. */
  readonly texts: readonly string[];
  /** What they are taken to have, before the model has counted. */
  readonly estimatedTokens: number;
  readonly maxWaitMs: number;
  /** How long the model may take before another region is better. */
  readonly limitMs?: number | undefined;
  readonly signal: AbortSignal;
}

/** What it gave, and what that took. */
export interface CallAnswer {
  readonly vectors: readonly Vector[];
  readonly tokens: number;
}

/** One model in one region: what a call may go to. */
export interface ModelTarget {
  readonly region: string;
  /** How long a call would wait now, for the bucket or for an open breaker. */
  waitMs(): number;
  /** False for half a minute after a call that took longer than its limit. */
  isPrompt(): boolean;
  /**
   * Calls, and calls again up to twice while the service throttles or is too busy, with full jitter.
   *
   * @throws AppError what the transport or the bucket throws; `unavailable`, reason `bad_answer`.
   */
  call(call: ModelCall): Promise<CallAnswer>;
}

/** What a model gave, before anybody has estimated what it didn't count. */
interface RawAnswer {
  readonly vectors: readonly Vector[];
  readonly tokens: number | undefined;
}

/** What a target is made of. */
export interface ModelTargetOptions {
  readonly model: EmbeddingModel;
  readonly region: string;
  readonly invoke: (texts: readonly string[], call: ModelCall) => Promise<RawAnswer>;
  /** Undefined: nothing limits how fast it goes. */
  readonly bucket: TokenBucket | undefined;
  /** Entered in this order. */
  readonly gates: { readonly own: Gate; readonly all: Gate };
  readonly now: () => number;
  readonly random: () => number;
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
  readonly hooks: EmbedderHooks;
}

/** Tries of one call in one region. */
const maxAttempts = 3;
/** How long a region that was late comes after the others: as long as an open breaker keeps it away. */
const lateMs = 30_000;

export function createModelTarget(options: ModelTargetOptions): ModelTarget {
  const { model, region, bucket, gates, hooks } = options;
  const place = { model: model.id, region };
  let lateUntil = Number.NEGATIVE_INFINITY;
  let brokenUntil = Number.NEGATIVE_INFINITY;

  async function callOnce(call: ModelCall): Promise<CallAnswer> {
    const who = { isUrgent: call.purpose === "query", signal: call.signal };
    const waitedMs = (await bucket?.take(call.estimatedTokens, { ...who, maxWaitMs: call.maxWaitMs })) ?? 0;
    if (waitedMs > 0) hooks.onWait?.({ ...place, waitedMs });
    try {
      return await gates.own.run(() => gates.all.run(() => invokeNow(call), who), who);
    } catch (error) {
      // What it has not read is not counted against the quota.
      bucket?.settle(-call.estimatedTokens);
      throw error;
    }
  }

  async function invokeNow(call: ModelCall): Promise<CallAnswer> {
    assertWanted(call.signal);
    const startedAt = options.now();
    const answer = await withinLimit((signal) => options.invoke(call.texts, { ...call, signal }), call, options.sleep);
    const tokens = answer.tokens ?? call.estimatedTokens;
    bucket?.settle(tokens - call.estimatedTokens);
    const tookMs = options.now() - startedAt;
    hooks.onCall?.({ ...place, texts: call.texts.length, tokens, costMicroUsd: exactMicroUsd(model, tokens), tookMs });
    return { vectors: answer.vectors, tokens };
  }

  function noteFailure({ code, reason, retryAfterMs }: AppError): void {
    hooks.onFailure?.({ ...place, code, reason });
    if (reason === "breaker_open") brokenUntil = options.now() + (retryAfterMs ?? 0);
    if (code === "deadline_exceeded") lateUntil = options.now() + lateMs;
    if (reason !== "throttled") return;
    bucket?.slowDown(retryAfterMs);
    hooks.onThrottled?.({ ...place, share: bucket?.share() ?? 1 });
  }

  /** How long to wait before the next try; undefined where there should be none here. */
  function delayBefore(error: AppError, attempt: number, maxWaitMs: number): number | undefined {
    if (error.code !== "resource_exhausted" || attempt + 1 >= maxAttempts) return undefined;
    const delayMs = backoffMs(attempt, options.random(), error.retryAfterMs);
    return delayMs > maxWaitMs ? undefined : delayMs;
  }

  async function call(wanted: ModelCall): Promise<CallAnswer> {
    for (let attempt = 0; ; attempt++) {
      try {
        return await callOnce(wanted);
      } catch (caught) {
        assertWanted(wanted.signal);
        const error = toAppError(caught);
        // Of our own bucket, which has waited, or won't.
        if (error.reason === "rate_limited") throw error;
        noteFailure(error);
        const delayMs = delayBefore(error, attempt, wanted.maxWaitMs);
        if (delayMs === undefined) throw error;
        hooks.onRetry?.({ ...place, delayMs });
        await options.sleep(delayMs, wanted.signal);
      }
    }
  }

  return {
    region,
    waitMs: () => Math.max(bucket?.waitMs() ?? 0, Math.ceil(brokenUntil - options.now()), 0),
    isPrompt: () => options.now() >= lateUntil,
    call,
  };
}

/** @throws AppError `deadline_exceeded` once `limitMs` is over, and what `invoke` throws */
async function withinLimit<T>(
  invoke: (signal: AbortSignal) => Promise<T>,
  { limitMs, signal }: ModelCall,
  sleep: ModelTargetOptions["sleep"],
): Promise<T> {
  if (limitMs === undefined) return await invoke(signal);
  const [limit, done] = [new AbortController(), new AbortController()];
  const late = new AppError("deadline_exceeded", `the model took longer than ${limitMs} ms`);
  const timing = sleep(limitMs, done.signal).then(() => {
    if (!done.signal.aborted) limit.abort(late);
  });
  try {
    return await whileWanted(invoke(AbortSignal.any([signal, limit.signal])), limit.signal);
  } finally {
    done.abort();
    await timing;
  }
}
