import type { BedrockRuntimeClient } from "@aws-sdk/client-bedrock-runtime";
import { AppError } from "@devmesh/models";
import { type Breaker, type BreakerOptions, createBreaker } from "../breaker.ts";
import { toBedrockError } from "./bedrock-error.ts";
import { type Bulkhead, type BulkheadOptions, createBulkhead } from "./bulkhead.ts";
import { type ConverseAnswer, type ConverseRequest, toConverseAnswer, toConverseCommand } from "./converse.ts";
import { type InvokeAnswer, sendInvoke } from "./invoke.ts";
import { withinLimit } from "./within-limit.ts";

/** The models of one region. Each has a breaker and a bulkhead of its own; errors are AppErrors. */
export interface BedrockTransport {
  readonly region: string;
  /** Sends a model its own kind of request, once. */
  invoke(modelId: string, body: unknown, options: { readonly signal: AbortSignal }): Promise<InvokeAnswer>;
  /** Has a model write a text, once. */
  converse(request: ConverseRequest, options: { readonly signal: AbortSignal }): Promise<ConverseAnswer>;
}

/** What guards the calls of each model, and how long they may take once they are under way. */
export interface GuardOptions {
  readonly breaker?: BreakerOptions;
  readonly bulkhead?: BulkheadOptions;
  /** Default 15 s: 96 texts take about one. */
  readonly invokeLimitMs?: number;
  /** Default 60 s: a model that writes takes some seconds, after a document that is not in its cache more. */
  readonly converseLimitMs?: number;
}

interface Guard {
  readonly breaker: Breaker;
  readonly bulkhead: Bulkhead;
}

/**
 * Half of at least ten calls in 10 s, and 30 s of rest. The library opens above its share, so this is just below. A throttle
 * is an answer of a service in good health, which the caller's own rate has to follow: it opens nothing.
 */
const breakerDefaults: BreakerOptions = {
  errorPercent: 49.99,
  minCalls: 10,
  resetMs: 30_000,
  harmless: ["resource_exhausted"],
};
/** Far more than a catalogue has. */
const maxModels = 64;

/** The transport of a region over its client, which stays the caller's. */
export function bedrockTransport(
  client: BedrockRuntimeClient,
  region: string,
  options: GuardOptions = {},
): BedrockTransport & Disposable {
  const { invokeLimitMs = 15_000, converseLimitMs = 60_000 } = options;
  const guards = new Map<string, Guard>();
  const breakers = new DisposableStack();

  function guardOf(modelId: string): Guard {
    const known = guards.get(modelId);
    if (known !== undefined) return known;
    if (guards.size >= maxModels) {
      throw new AppError("invalid_argument", `model ${modelId} would be one more than ${maxModels}`);
    }
    const operation = `bedrock ${modelId} in ${region}`;
    const guard = {
      breaker: breakers.use(createBreaker(operation, { ...breakerDefaults, ...options.breaker })),
      bulkhead: createBulkhead(operation, options.bulkhead),
    };
    guards.set(modelId, guard);
    return guard;
  }

  async function run<T>(
    { modelId, signal, limitMs }: { readonly modelId: string; readonly signal: AbortSignal; readonly limitMs: number },
    call: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const { breaker, bulkhead } = guardOf(modelId);
    const operation = `bedrock ${modelId} in ${region}`;
    const attempt = (): Promise<T> =>
      withinLimit(call, { operation, limitMs, signal }).catch((error: unknown) => {
        throw toBedrockError(error, operation);
      });
    // Behind an open breaker nobody waits for a place among calls that hang.
    if (breaker.isOpen) return breaker.run(attempt);
    return bulkhead.run(() => breaker.run(attempt), signal);
  }

  return {
    region,
    invoke: (modelId, body, { signal }) =>
      run({ modelId, signal, limitMs: invokeLimitMs }, (end) => sendInvoke(client, { modelId, body }, end)),
    converse: (request, { signal }) =>
      run({ modelId: request.modelId, signal, limitMs: converseLimitMs }, async (abortSignal) =>
        toConverseAnswer(await client.send(toConverseCommand(request), { abortSignal }), request.modelId),
      ),
    [Symbol.dispose]: () => breakers.dispose(),
  };
}
