import { expect, test } from "vitest";
import { ask, cohere, fakeTransport, makeDeps, throttled, titan, unavailable } from "../../test/_fake-models.ts";
import { createEmbedder } from "./create-embedder.ts";
import { type EmbedderMeter, embedderMetrics } from "./embedder-metrics.ts";

/** Sums by name and labels, and refuses a name that is made twice. */
function makeMeter(): { readonly meter: EmbedderMeter; readonly sums: Map<string, number> } {
  const [sums, names] = [new Map<string, number>(), new Set<string>()];
  function make(name: string): (labels: Readonly<Record<string, string>>, by?: number) => void {
    expect(names.has(name)).toBe(false);
    names.add(name);
    return (labels, by = 1) => {
      const key = [name, ...Object.values(labels)].join(" ").replace("devmesh_embed", "");
      sums.set(key, (sums.get(key) ?? 0) + by);
    };
  }
  return {
    sums,
    meter: {
      counter: ({ name }) => ({ inc: make(name) }),
      histogram: ({ name }) => ({ observe: make(name) }),
    },
  };
}

test("counts calls, tokens, cost, lookups, failures, throttles, retries, waits and failovers", async () => {
  const { meter, sums } = makeMeter();
  let left = 1;
  const transport = fakeTransport("us-east-1", ({ modelId, texts }) => {
    if (modelId === cohere) return undefined;
    if (texts[0] === "owl") return Promise.reject(unavailable("breaker_open"));
    return left-- > 0 ? Promise.reject(throttled(2_000)) : undefined;
  });
  const quota = { requestsPerMinute: 8, tokensPerMinute: 1_000_000 };
  const deps = makeDeps({ transports: [transport], hooks: embedderMetrics(meter), quota });
  const embedder = createEmbedder(deps);
  await embedder.embed(ask(["fox"]));
  await embedder.embed(ask(["fox", "owl"]));
  expect(Object.fromEntries(sums)).toMatchObject({
    [`ded_texts_total ${titan} us-east-1`]: 1,
    [`ding_tokens_total ${titan} us-east-1`]: 10,
    [`ding_cost_micro_usd_total ${titan} us-east-1`]: 0.2,
    [`ding_failures_total ${titan} us-east-1 resource_exhausted`]: 1,
    [`ding_failures_total ${titan} us-east-1 unavailable`]: 1,
    [`ding_throttles_total ${titan} us-east-1`]: 1,
    [`ding_retries_total ${titan} us-east-1`]: 1,
    [`ding_failovers_total ${titan} ${cohere}`]: 1,
    "ding_cache_lookups_total memory hit": 1,
    "ding_cache_lookups_total memory miss": 4,
  });
  expect(sums.get(`ding_wait_seconds ${titan} us-east-1`)).toBeGreaterThan(1);
});
