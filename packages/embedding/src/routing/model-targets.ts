import type { Vector } from "@devmesh/models";
import type { EmbeddingModel, ModelQuota } from "../catalogue/embedding-model.ts";
import type { EmbedderHooks } from "../embedder/embedder-hooks.ts";
import type { LocalDimensions } from "../local/embed-locally.ts";
import type { ModelTransport } from "../ports/model-transport.ts";
import { createGate, type Gate } from "./gate.ts";
import { createModelTarget, type ModelTarget } from "./model-target.ts";
import { createTokenBucket } from "./token-bucket.ts";

/** Calls that may wait for one model in one region, and for all together. */
const maxWaiting = 1_000;
/** Calls under way, of all models in all regions. */
const maxRunning = 32;

/** What targets are made of. */
export interface ModelTargetsOptions {
  readonly transports: readonly ModelTransport[];
  readonly embedLocally: (texts: readonly string[], dimensions: LocalDimensions) => readonly Vector[];
  readonly quotaOf: (model: EmbeddingModel) => ModelQuota;
  readonly now: () => number;
  readonly random: () => number;
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
  readonly hooks: EmbedderHooks;
}

/** All places where each model can be called, by its id, in order of preference. */
export function createModelTargets(
  models: readonly EmbeddingModel[],
  options: ModelTargetsOptions,
): ReadonlyMap<string, readonly ModelTarget[]> {
  const all = createGate("models", { running: maxRunning, waiting: maxWaiting });
  return new Map(models.map((model) => [model.id, targetsOf(model, all, options)]));
}

function targetsOf(model: EmbeddingModel, all: Gate, options: ModelTargetsOptions): readonly ModelTarget[] {
  const { wire } = model;
  if (wire === undefined) return [localTarget(model, all, options)];
  return options.transports.map((transport) =>
    createModelTarget({
      ...options,
      model,
      region: transport.region,
      bucket: createTokenBucket(options.quotaOf(model), options),
      gates: { own: gateOf(model, transport.region), all },
      invoke: async (texts, call) => {
        const answer = await transport.invoke(model.id, wire.toRequest(texts, call), { signal: call.signal });
        const parsed = wire.parseAnswer(answer.body, { count: texts.length, dimensions: call.dimensions });
        return { vectors: parsed.vectors, tokens: answer.inputTokens ?? parsed.tokens };
      },
    }),
  );
}

/** Computed here, a few texts at a time, with a turn of the event loop for everybody else between them. */
function localTarget(model: EmbeddingModel, all: Gate, options: ModelTargetsOptions): ModelTarget {
  return createModelTarget({
    ...options,
    model,
    region: "local",
    bucket: undefined,
    gates: { own: gateOf(model, "local"), all },
    invoke: async (texts, { dimensions, signal }) => {
      await options.sleep(0, signal);
      return { vectors: options.embedLocally(texts, toLocalDimensions(dimensions)), tokens: undefined };
    },
  });
}

function gateOf(model: EmbeddingModel, region: string): Gate {
  return createGate(`${model.id} in ${region}`, { running: model.concurrency, waiting: maxWaiting });
}

function toLocalDimensions(dimensions: number): LocalDimensions {
  if (dimensions === 256 || dimensions === 512 || dimensions === 1024) return dimensions;
  throw new Error(`assertion failed: the local model does not give ${dimensions} dimensions`);
}
