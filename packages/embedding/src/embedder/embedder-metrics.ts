import type { EmbedderHooks } from "./embedder-hooks.ts";

/** What counts for a service: the part of `@devmesh/observability`'s `Metrics` that is used here. */
export interface EmbedderMeter {
  counter<Label extends string>(
    options: MeterOptions<Label>,
  ): {
    inc(labels: Readonly<Record<Label, string>>, by?: number): void;
  };
  histogram<Label extends string>(
    options: MeterOptions<Label>,
  ): {
    observe(labels: Readonly<Record<Label, string>>, value: number): void;
  };
}

interface MeterOptions<Label extends string> {
  readonly name: string;
  readonly help: string;
  readonly labels: readonly Label[];
}

/** Hooks that count all they are told, by model and region. Once a service: its metrics have each name once. */
export function embedderMetrics(meter: EmbedderMeter): EmbedderHooks {
  return { ...meterCalls(meter), ...meterTroubles(meter) };
}

const place = ["model", "region"] as const;

function meterCalls(meter: EmbedderMeter): EmbedderHooks {
  const count = (name: string, help: string) => meter.counter({ name, help, labels: place });
  const texts = count("devmesh_embedded_texts_total", "Texts that a model embedded");
  const tokens = count("devmesh_embedding_tokens_total", "Tokens that models counted");
  const cost = count("devmesh_embedding_cost_micro_usd_total", "What calls of models cost, in micro-dollars");
  const seconds = meter.histogram({
    name: "devmesh_embedding_call_seconds",
    help: "Time of a call of a model, without waiting for its token bucket",
    labels: place,
  });
  const lookups = meter.counter({
    name: "devmesh_embedding_cache_lookups_total",
    help: "Texts looked up in a level of the embedding cache",
    labels: ["level", "outcome"],
  });
  return {
    onCall: ({ model, region, ...call }) => {
      texts.inc({ model, region }, call.texts);
      tokens.inc({ model, region }, call.tokens);
      cost.inc({ model, region }, call.costMicroUsd);
      seconds.observe({ model, region }, call.tookMs / 1_000);
    },
    onLookup: (level, hits, misses) => {
      lookups.inc({ level, outcome: "hit" }, hits);
      lookups.inc({ level, outcome: "miss" }, misses);
    },
  };
}

function meterTroubles(meter: EmbedderMeter): EmbedderHooks {
  const count = (name: string, help: string) => meter.counter({ name, help, labels: place });
  const failures = meter.counter({
    name: "devmesh_embedding_failures_total",
    help: "Calls of models that gave nothing, throttled ones among them",
    labels: ["model", "region", "code"],
  });
  const throttles = count("devmesh_embedding_throttles_total", "Calls that a model's service asked to slow down");
  const retries = count("devmesh_embedding_retries_total", "Calls made again in the same region");
  const waits = meter.histogram({
    name: "devmesh_embedding_wait_seconds",
    help: "Time that calls waited for their token bucket, of those that did",
    labels: place,
  });
  const failovers = meter.counter({
    name: "devmesh_embedding_failovers_total",
    help: "Another model took over",
    labels: ["from", "to"],
  });
  return {
    onFailure: ({ model, region, code }) => failures.inc({ model, region, code }),
    onThrottled: ({ model, region }) => throttles.inc({ model, region }),
    onRetry: ({ model, region }) => retries.inc({ model, region }),
    onWait: ({ model, region, waitedMs }) => waits.observe({ model, region }, waitedMs / 1_000),
    onFailover: ({ from, to }) => failovers.inc({ from, to }),
  };
}
