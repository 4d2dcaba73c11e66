import type { BedrockRuntimeClient } from "@aws-sdk/client-bedrock-runtime";
import { AppError } from "@devmesh/models";
import { type Breaker, type BreakerOptions, createBreaker } from "../breaker.ts";
import { toCallersError, withinLimit } from "../within-limit.ts";
import type { BedrockClientOptions } from "./bedrock-client.ts";
import { openBedrockClients } from "./bedrock-clients.ts";
import { toBedrockError } from "./bedrock-error.ts";
import { type Bulkhead, type BulkheadOptions, createBulkhead } from "./bulkhead.ts";
import { type ConverseAnswer, type ConverseRequest, toConverseAnswer, toConverseCommand } from "./converse.ts";
import { type InvokeAnswer, sendInvoke } from "./invoke.ts";

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

type Send<T> = (client: BedrockRuntimeClient, signal: AbortSignal) => Promise<T>;

interface CallLimits {
  readonly modelId: string;
  readonly signal: AbortSignal;
  readonly limitMs: number;
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

/** The transport of a region. Nothing is sent before the first call. */
export function openBedrockTransport(
  clientOptions: BedrockClientOptions,
  options: GuardOptions = {},
): BedrockTransport & Disposable {
  const { region } = clientOptions;
  const { invokeLimitMs = 15_000, converseLimitMs = 60_000 } = options;
  const guards = new Map<string, Guard>();
  const stack = new DisposableStack();
  const clients = stack.use(openBedrockClients(clientOptions, Math.max(invokeLimitMs, converseLimitMs)));

  function guardOf(modelId: string): Guard {
    const known = guards.get(modelId);
    if (known !== undefined) return known;
    if (guards.size >= maxModels) {
      throw new AppError("invalid_argument", `model ${modelId} would be one more than ${maxModels}`);
    }
    const operation = `bedrock ${modelId} in ${region}`;
    const guard = {
      breaker: stack.use(createBreaker(operation, { ...breakerDefaults, ...options.breaker })),
      bulkhead: createBulkhead(operation, options.bulkhead),
    };
    guards.set(modelId, guard);
    return guard;
  }

  async function attempt<T>(send: Send<T>, { modelId, signal, limitMs }: CallLimits): Promise<T> {
    const operation = `bedrock ${modelId} in ${region}`;
    const client = clients.current;
    try {
      return await withinLimit((end) => send(client, end), { operation, limitMs, signal });
    } catch (caught) {
      const error = toBedrockError(caught, operation);
      if (error.code === "deadline_exceeded") clients.replace(client);
      throw error;
    }
  }

  async function run<T>(limits: CallLimits, send: Send<T>): Promise<T> {
    const { breaker, bulkhead } = guardOf(limits.modelId);
    const guarded = (): Promise<T> => breaker.run(() => attempt(send, limits));
    try {
      // Behind an open breaker nobody waits for a place among calls that hang.
      return await (breaker.isOpen ? guarded() : bulkhead.run(guarded, limits.signal));
    } catch (error) {
      throw toCallersError(error);
    }
  }

  return {
    region,
    invoke: (modelId, body, { signal }) =>
      run({ modelId, signal, limitMs: invokeLimitMs }, (client, end) => sendInvoke(client, { modelId, body }, end)),
    converse: (request, { signal }) =>
      run({ modelId: request.modelId, signal, limitMs: converseLimitMs }, async (client, abortSignal) =>
        toConverseAnswer(await client.send(toConverseCommand(request), { abortSignal })),
      ),
    [Symbol.dispose]: () => stack.dispose(),
  };
}
