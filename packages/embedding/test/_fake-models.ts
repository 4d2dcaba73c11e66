import { AppError, parseId, type TenantId, type Vector } from "@devmesh/models";
import type { EmbedderDeps } from "../src/embedder/create-embedder.ts";
import type { EmbedRequest } from "../src/embedder/embedder.ts";
import type { EmbedderHooks } from "../src/embedder/embedder-hooks.ts";
import { embedLocally } from "../src/local/embed-locally.ts";
import type { EmbeddingCache } from "../src/ports/embedding-cache.ts";
import type { InvokeAnswer, ModelTransport } from "../src/ports/model-transport.ts";

export const tenantId: TenantId = parseId("0198a000-0000-7000-8000-000000000001", "tenant");
export const titan = "amazon.titan-embed-text-v2:0";
export const cohere = "cohere.embed-v4:0";

/** Time that passes only where everybody sleeps: whenever a turn of the event loop is over, the next sleeper wakes. */
export function makeClock(): {
  now(): number;
  sleep(ms: number, signal: AbortSignal): Promise<void>;
  pass(ms: number): void;
} {
  let time = 1_000_000;
  const sleepers = new Set<{ readonly due: number; readonly wake: () => void }>();
  function wakeNext(): void {
    const [next] = [...sleepers].sort((a, b) => a.due - b.due);
    if (next === undefined) return;
    time = Math.max(time, next.due);
    next.wake();
  }
  return {
    now: () => time,
    pass: (ms) => {
      time += ms;
    },
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        if (signal.aborted) return resolve();
        const sleeper = {
          due: time + ms,
          wake: () => {
            sleepers.delete(sleeper);
            signal.removeEventListener("abort", sleeper.wake);
            resolve();
          },
        };
        sleepers.add(sleeper);
        signal.addEventListener("abort", sleeper.wake, { once: true });
        setImmediate(wakeNext);
      }),
  };
}

/** A vector that no other text has, of length one. */
export function vectorOf(text: string, dimensions: number): Vector {
  let state = 2_166_136_261;
  for (let at = 0; at < text.length; at++) state = Math.imul(state ^ text.charCodeAt(at), 16_777_619);
  const numbers = Float32Array.from({ length: dimensions }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    return state / 2 ** 31;
  });
  const length = Math.hypot(...numbers);
  return toWire(numbers.map((value) => value / length));
}

/** As it is once readers have made it of unit length again: the same float for the same text. */
function toWire(vector: Vector): Vector {
  const length = Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0));
  return vector.map((value) => value / length);
}

export interface FakeCall {
  readonly region: string;
  readonly modelId: string;
  readonly texts: readonly string[];
}

interface Body {
  readonly inputText?: string;
  readonly texts?: readonly string[];
  readonly dimensions?: number;
  readonly output_dimension?: number;
  readonly singleEmbeddingParams?: { readonly embeddingDimension: number; readonly text: { readonly value: string } };
}

/**
 * A region in memory that answers in each model's form. `script` may answer otherwise: by throwing, by waiting, or by
 * giving a body of its own.
 */
export function fakeTransport(
  region: string,
  script: (call: FakeCall, signal: AbortSignal) => Promise<unknown> | unknown = () => undefined,
): ModelTransport & { readonly calls: FakeCall[] } {
  const calls: FakeCall[] = [];
  return {
    region,
    calls,
    converse: () => Promise.reject(new Error("not here")),
    invoke: async (modelId, raw, { signal }): Promise<InvokeAnswer> => {
      const body = raw as Body;
      const call = { region, modelId, texts: textsOf(body) };
      calls.push(call);
      const scripted = await script(call, signal);
      return { body: scripted ?? answer(modelId, body), inputTokens: undefined };
    },
  };
}

function textsOf(body: Body): readonly string[] {
  return body.texts ?? [body.inputText ?? body.singleEmbeddingParams?.text.value ?? ""];
}

function answer(modelId: string, body: Body): unknown {
  const dimensions =
    body.dimensions ??
    body.output_dimension ??
    body.singleEmbeddingParams?.embeddingDimension ??
    (modelId.endsWith("text-v1") ? 1536 : 1024);
  const vectors = textsOf(body).map((text) => [...vectorOf(text, dimensions)]);
  if (modelId.startsWith("cohere.")) return { embeddings: { float: vectors } };
  if (modelId.startsWith("amazon.nova")) return { embeddings: [{ embeddingType: "TEXT", embedding: vectors[0] }] };
  return { embedding: vectors[0], inputTextTokenCount: 10 };
}

export function throttled(retryAfterMs?: number): AppError {
  return new AppError("resource_exhausted", "too many requests", { reason: "throttled", retryAfterMs });
}

export function unavailable(reason?: string): AppError {
  return new AppError("unavailable", "no answer", { reason });
}

/** A level that keeps everything. */
export function fakeCache(level: string): EmbeddingCache & { readonly entries: Map<string, Vector> } {
  const entries = new Map<string, Vector>();
  return {
    level,
    entries,
    getMany: async (keys) =>
      new Map(keys.flatMap((key) => (entries.has(key) ? [[key, entries.get(key) as Vector] as const] : []))),
    setMany: async (added) => {
      for (const [key, vector] of added) entries.set(key, vector);
    },
  };
}

/** What the hooks were told: `[name, argument]`, or all arguments where there are more. */
export function recordHooks(): { readonly hooks: EmbedderHooks; readonly told: unknown[][] } {
  const told: unknown[][] = [];
  const names = ["onLookup", "onCall", "onFailure", "onThrottled", "onRetry", "onWait", "onFailover"] as const;
  const hooks = Object.fromEntries(
    names.map((name) => [name, (...args: unknown[]) => void told.push([name, ...args])]),
  );
  return { hooks, told };
}

export function makeDeps(over: Partial<EmbedderDeps> = {}): EmbedderDeps {
  const { now, sleep } = makeClock();
  return {
    transports: [],
    caches: [],
    ledger: { assertRoom: async () => undefined, record: async () => undefined },
    embedLocally,
    now,
    random: () => 0.5,
    sleep,
    ...over,
  };
}

export function ask(texts: readonly string[], over: Partial<EmbedRequest> = {}): EmbedRequest {
  return {
    tenantId,
    texts,
    choice: { strategy: "balanced" },
    purpose: "document",
    signal: new AbortController().signal,
    ...over,
  };
}
