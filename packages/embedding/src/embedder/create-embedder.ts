import { AppError, type Vector } from "@devmesh/models";
import { type CacheLevels, createCacheLevels } from "../cache/cache-levels.ts";
import { createFlights } from "../cache/flights.ts";
import { createMemoryCache } from "../cache/memory-cache.ts";
import { allModels, findModel } from "../catalogue/all-models.ts";
import type { EmbeddingModel, ModelQuota } from "../catalogue/embedding-model.ts";
import { type ListedModel, toListedModel } from "../catalogue/listed-model.ts";
import { toUsage } from "../catalogue/model-cost.ts";
import type { LocalDimensions } from "../local/embed-locally.ts";
import type { EmbeddingCache } from "../ports/embedding-cache.ts";
import type { ModelTransport } from "../ports/model-transport.ts";
import type { UsageLedger } from "../ports/usage-ledger.ts";
import { toOneFailure } from "../routing/call-model.ts";
import { chooseModels, type ModelPlan } from "../routing/choose-models.ts";
import type { ModelTarget } from "../routing/model-target.ts";
import { createModelTargets } from "../routing/model-targets.ts";
import { embedPlan, type PlanDeps, type PlanOutcome } from "./embed-plan.ts";
import type { Embedder, EmbedOutcome, EmbedRequest } from "./embedder.ts";
import type { EmbedderHooks } from "./embedder-hooks.ts";
import { type PreparedText, prepareTexts } from "./prepare-texts.ts";
import { createUsageBook } from "./usage-book.ts";

/** What an embedder is made of. */
export interface EmbedderDeps {
  /** One a region, in order of preference. Empty: the local model alone. */
  readonly transports: readonly ModelTransport[];
  /** After memory, which the embedder has itself; nearest first. Not for the local model. */
  readonly caches: readonly EmbeddingCache[];
  readonly ledger: UsageLedger;
  readonly embedLocally: (texts: readonly string[], dimensions: LocalDimensions) => readonly Vector[];
  /** Milliseconds, of a clock that nobody sets. */
  readonly now: () => number;
  /** In [0, 1). */
  readonly random: () => number;
  /** Resolves early, without an error, when the signal aborts. */
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
  readonly hooks?: EmbedderHooks;
  /** What vectors in memory may take. Default 64 MiB: 15,000 of 1,024 dimensions. */
  readonly memoryCacheBytes?: number;
  /** Replaces every model's quota, where an account has another. */
  readonly quota?: ModelQuota | undefined;
}

/** An embedder that tells what it can do. */
export interface RoutingEmbedder extends Embedder {
  /** The catalogue, in its order. */
  listModels(): readonly ListedModel[];
  /**
   * How long one more call of a model would wait for the first region that has room: what a worker holds its work back by.
   *
   * @throws AppError `invalid_argument` for a model that there is not
   */
  headroom(model: string): { readonly retryAfterMs: number };
}

const defaultMemoryBytes = 64 * 1_048_576;
/** A cache that takes longer than this saves nothing. */
const maxCacheWaitMs = 500;

/**
 * Makes the embedder of a process; its memory, buckets and gates are shared by all that it is given to.
 *
 * @see docs/decisions/024-model-routing.md
 */
export function createEmbedder(deps: EmbedderDeps): RoutingEmbedder {
  const hooks = deps.hooks ?? {};
  const hasBedrock = deps.transports.length > 0;
  const quotaOf = (model: EmbeddingModel): ModelQuota => deps.quota ?? model.quota;
  const targets = createModelTargets(allModels, { ...deps, hooks, quotaOf });
  const memory = createMemoryCache(deps.memoryCacheBytes ?? defaultMemoryBytes);
  const onLookup = (level: string, hits: number, misses: number): void => hooks.onLookup?.(level, hits, misses);
  const levelsOver = (caches: readonly EmbeddingCache[]): CacheLevels =>
    createCacheLevels({ memory, caches, maxWaitMs: maxCacheWaitMs, sleep: deps.sleep, onLookup });
  // What this process computes takes 0.1 ms: asking anybody else for it would take longer, and keeping it there more room.
  const [allLevels, memoryAlone] = [levelsOver(deps.caches), levelsOver([])];
  const planDeps = { ...deps, ledger: createUsageBook(deps.ledger), flights: createFlights() };

  return {
    resolve: (choice) => {
      const [{ model, dimensions }] = chooseModels(choice, allModels, hasBedrock);
      return { model: model.id, dimensions };
    },
    embed: async (request) => await embedByPlans(chooseModels(request.choice, allModels, hasBedrock), request),
    listModels: () => allModels.map((model) => toListedModel(model, hasBedrock)),
    headroom: (id) => {
      const waits = targetsOf(findModel(id)).map((target) => target.waitMs());
      return { retryAfterMs: waits.length === 0 ? 0 : Math.min(...waits) };
    },
  };

  function targetsOf(model: EmbeddingModel): readonly ModelTarget[] {
    return targets.get(model.id) ?? [];
  }

  async function embedByPlans(plans: readonly ModelPlan[], request: EmbedRequest): Promise<EmbedOutcome> {
    const failures: AppError[] = [];
    let badTexts: number | undefined;
    let from: string | undefined;
    for (const plan of plans) {
      const prepared = prepareTexts(request.texts, { ...plan, purpose: request.purpose });
      const bad = prepared.filter((text) => text instanceof AppError).length;
      badTexts ??= bad;
      // A model that takes less than the first one is no stand-in for it.
      if (bad > badTexts) continue;
      if (from !== undefined) hooks.onFailover?.({ from, to: plan.model.id });
      from = plan.model.id;
      const levels = plan.model.wire === undefined ? memoryAlone : allLevels;
      const outcome = await embedByPlan({ ...planDeps, levels }, plan, prepared, request);
      if (outcome.failure === undefined) return toOutcome(plan, prepared, outcome);
      failures.push(outcome.failure);
    }
    throw toOneFailure(failures);
  }

  function embedByPlan(
    to: PlanDeps,
    plan: ModelPlan,
    prepared: readonly (PreparedText | AppError)[],
    { tenantId, purpose, signal }: EmbedRequest,
  ): Promise<PlanOutcome> {
    const texts = new Map<string, PreparedText>();
    for (const text of prepared) if (!(text instanceof AppError)) texts.set(text.key, text);
    return embedPlan(to, {
      ...plan,
      tenantId,
      purpose,
      signal,
      targets: targetsOf(plan.model),
      texts: [...texts.values()],
    });
  }
}

/** Puts what was found by key back into the order of the texts. */
function toOutcome(
  { model, dimensions }: ModelPlan,
  prepared: readonly (PreparedText | AppError)[],
  { values, paid, tokens }: PlanOutcome,
): EmbedOutcome {
  const vectors = prepared.map((text, index) => {
    if (text instanceof AppError) return text;
    const value = values.get(text.key) ?? new AppError("internal", `texts[${index}] has no vector`);
    return value instanceof AppError ? naming(value, index) : value;
  });
  const embedded = prepared.filter((text) => !(text instanceof AppError)).length;
  return {
    model: model.id,
    dimensions,
    vectors,
    usage: toUsage(model, tokens),
    reused: embedded - paid.size,
  };
}

function naming(error: AppError, index: number): AppError {
  return new AppError(error.code, `texts[${index}]: ${error.message}`, { ...error, cause: error });
}
