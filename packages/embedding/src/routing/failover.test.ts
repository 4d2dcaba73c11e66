import { AppError } from "@devmesh/models";
import { describe, expect, test } from "vitest";
import {
  ask,
  cohere,
  fakeTransport,
  makeClock,
  makeDeps,
  recordHooks,
  throttled,
  titan,
  unavailable,
  vectorOf,
} from "../../test/_fake-models.ts";
import { createEmbedder, type EmbedderDeps } from "../embedder/create-embedder.ts";
import type { ModelChoice } from "../embedder/embedder.ts";

const named: ModelChoice = { model: titan };

/** Embeds one text, and tells which region was called for which model, and what became of it. */
async function embedOne(
  transports: ReturnType<typeof fakeTransport>[],
  choice: ModelChoice = named,
  over: Partial<EmbedderDeps> = {},
): Promise<{ calls: string[]; end: unknown }> {
  const order: string[] = [];
  const noting = transports.map((transport) => ({
    ...transport,
    invoke: (...args: Parameters<typeof transport.invoke>) => {
      order.push(`${transport.region} ${args[0]}`);
      return transport.invoke(...args);
    },
  }));
  const embedder = createEmbedder(makeDeps({ ...over, transports: noting }));
  try {
    const { model, vectors } = await embedder.embed(ask(["fox"], { choice }));
    return { calls: order, end: vectors[0] instanceof AppError ? vectors[0] : model };
  } catch (error) {
    return { calls: order, end: error };
  }
}

function failing(region: string, error: AppError): ReturnType<typeof fakeTransport> {
  return fakeTransport(region, () => Promise.reject(error));
}

/** Ends with its signal, as real transports do. */
function whileCalled(transport: ReturnType<typeof fakeTransport>): typeof transport.invoke {
  return (modelId, body, options) =>
    Promise.race([
      transport.invoke(modelId, body, options),
      new Promise<never>((_, reject) =>
        options.signal.addEventListener("abort", () => reject(new AppError("cancelled", "left")), { once: true }),
      ),
    ]);
}

const [east, west] = [`us-east-1 ${titan}`, `eu-west-1 ${titan}`];

describe("a named model", () => {
  test("is called in the first region", async () => {
    expect(await embedOne([fakeTransport("us-east-1"), fakeTransport("eu-west-1")])).toEqual({
      calls: [east],
      end: titan,
    });
  });

  test.each([
    ["unavailable", unavailable()],
    ["behind an open breaker", unavailable("breaker_open")],
    ["late", new AppError("deadline_exceeded", "no answer in time")],
    ["not there", new AppError("not_found", "no such model", { reason: "model_not_found" })],
    ["denied", new AppError("permission_denied", "no access")],
  ])("is called in the next region at once where it is %s", async (_, error) => {
    expect(await embedOne([failing("us-east-1", error), fakeTransport("eu-west-1")])).toEqual({
      calls: [east, west],
      end: titan,
    });
  });

  test("is called in the next region where an answer can't be used", async () => {
    const odd = fakeTransport("us-east-1", () => ({ embedding: [Number.NaN], inputTextTokenCount: 1 }));
    expect(await embedOne([odd, fakeTransport("eu-west-1")])).toEqual({ calls: [east, west], end: titan });
  });

  test("that throttles is tried three times in a region before the next", async () => {
    expect(await embedOne([failing("us-east-1", throttled()), fakeTransport("eu-west-1")])).toEqual({
      calls: [east, east, east, west],
      end: titan,
    });
  });

  test("that recovers from throttling is not left", async () => {
    let left = 2;
    const busy = fakeTransport("us-east-1", () => (left-- > 0 ? Promise.reject(throttled(100)) : undefined));
    expect((await embedOne([busy, fakeTransport("eu-west-1")])).calls).toEqual([east, east, east]);
  });

  test("is left at once where it asks for a longer wait than anybody has", async () => {
    const busy = failing("us-east-1", throttled(60_000));
    expect((await embedOne([busy, fakeTransport("eu-west-1")])).calls).toEqual([east, west]);
  });

  test("is never replaced by another", async () => {
    const { calls, end } = await embedOne([failing("us-east-1", unavailable("breaker_open"))]);
    expect(calls).toEqual([east]);
    expect(end).toMatchObject({ code: "unavailable", reason: "breaker_open" });
  });

  test("is asked in three rounds while all regions are unavailable", async () => {
    const { calls, end } = await embedOne([failing("us-east-1", unavailable()), failing("eu-west-1", unavailable())]);
    expect(calls).toEqual([east, west, east, west, east, west]);
    expect(end).toMatchObject({ code: "unavailable" });
  });

  test("answers in the second round where that was a moment's trouble", async () => {
    let left = 1;
    const shaky = fakeTransport("us-east-1", () => (left-- > 0 ? Promise.reject(unavailable()) : undefined));
    expect(await embedOne([shaky])).toEqual({ calls: [east, east], end: titan });
  });

  test("that is busy in one region and away in the other is said to be busy, with the shorter wait", async () => {
    const busy = failing("us-east-1", throttled(20_000));
    const away = failing(
      "eu-west-1",
      new AppError("unavailable", "x", { reason: "breaker_open", retryAfterMs: 5_000 }),
    );
    expect((await embedOne([busy, away])).end).toMatchObject({
      code: "resource_exhausted",
      reason: "throttled",
      retryAfterMs: 5_000,
    });
  });

  test("that refuses a text gives that text its error, and asks no other region", async () => {
    const refusing = failing("us-east-1", new AppError("invalid_argument", "too many tokens"));
    const { calls, end } = await embedOne([refusing, fakeTransport("eu-west-1")]);
    expect(calls).toEqual([east]);
    expect(end).toMatchObject({ code: "invalid_argument", message: "texts[0]: too many tokens" });
  });

  test("passes on a bug of ours as it is", async () => {
    const broken = fakeTransport("us-east-1", () => Promise.reject(new TypeError("x is undefined")));
    const { calls, end } = await embedOne([broken, fakeTransport("eu-west-1")]);
    expect([calls, end]).toMatchObject([[east], { code: "internal" }]);
  });

  test("is not called again once its caller has left", async () => {
    const controller = new AbortController();
    const transport = fakeTransport("us-east-1", () => {
      controller.abort();
      return Promise.reject(unavailable());
    });
    const embedder = createEmbedder(makeDeps({ transports: [transport, fakeTransport("eu-west-1")] }));
    const embedding = embedder.embed(ask(["fox"], { choice: named, signal: controller.signal }));
    await expect(embedding).rejects.toMatchObject({ code: "cancelled" });
    expect(transport.calls).toHaveLength(1);
  });
});

describe("a strategy", () => {
  test("goes over to its next model once no region gives the first", async () => {
    const { hooks, told } = recordHooks();
    const only = (id: string) => (region: string) =>
      fakeTransport(region, ({ modelId }) =>
        modelId === id ? undefined : Promise.reject(unavailable("breaker_open")),
      );
    const regions = ["us-east-1", "eu-west-1"].map(only(cohere));
    const { calls, end } = await embedOne(regions, { strategy: "balanced" }, { hooks });
    expect(calls).toEqual([east, west, `us-east-1 ${cohere}`]);
    expect(end).toBe(cohere);
    expect(told.filter(([name]) => name === "onFailover")).toEqual([["onFailover", { from: titan, to: cohere }]]);
  });

  test("keeps the dimensions that were asked for", async () => {
    const transport = fakeTransport("us-east-1", ({ modelId }) =>
      modelId === titan ? Promise.reject(unavailable("breaker_open")) : undefined,
    );
    const embedder = createEmbedder(makeDeps({ transports: [transport] }));
    const outcome = await embedder.embed(ask(["fox"], { choice: { strategy: "cost", dimensions: 512 } }));
    expect([outcome.model, outcome.dimensions]).toEqual([cohere, 512]);
    expect(outcome.vectors).toEqual([vectorOf("fox", 512)]);
  });

  test("passes over a model that takes no text so long", async () => {
    const transport = fakeTransport("us-east-1", ({ modelId }) =>
      modelId.startsWith("amazon.") ? Promise.reject(unavailable("breaker_open")) : undefined,
    );
    const embedder = createEmbedder(makeDeps({ transports: [transport] }));
    const { model } = await embedder.embed(ask(["fox ".repeat(1_000)], { choice: { strategy: "cost" } }));
    expect(model).toBe(cohere);
    expect(new Set(transport.calls.map(({ modelId }) => modelId))).not.toContain("cohere.embed-multilingual-v3");
  });

  test("fails where no model answers, and doesn't take the local one", async () => {
    const { calls, end } = await embedOne([failing("us-east-1", unavailable("breaker_open"))], { strategy: "cost" });
    expect(calls).toHaveLength(5);
    expect(end).toMatchObject({ code: "unavailable", reason: "breaker_open" });
  });
});

describe("a region", () => {
  const small = { requestsPerMinute: 40, tokensPerMinute: 1_000_000 };

  test("whose bucket is empty comes after one that has room", async () => {
    const [first, second] = [fakeTransport("us-east-1"), fakeTransport("eu-west-1")];
    const embedder = createEmbedder(makeDeps({ transports: [first, second], quota: small }));
    const texts = Array.from({ length: 15 }, (_, i) => `fox ${i}`);
    for (const text of texts) await embedder.embed(ask([text], { choice: named }));
    expect([first.calls.length, second.calls.length]).toEqual([10, 5]);
  });

  test("that throttled is avoided until its bucket has room again", async () => {
    const clock = makeClock();
    let isBusy = true;
    const first = fakeTransport("us-east-1", () => (isBusy ? Promise.reject(throttled(20_000)) : undefined));
    const second = fakeTransport("eu-west-1");
    const embedder = createEmbedder(makeDeps({ ...clock, transports: [first, second] }));
    for (const text of ["a", "b", "c"]) await embedder.embed(ask([text], { choice: named }));
    expect([first.calls.length, second.calls.length]).toEqual([1, 3]);
    isBusy = false;
    clock.pass(30_000);
    await embedder.embed(ask(["d"], { choice: named }));
    expect(first.calls).toHaveLength(2);
  });

  test("is not slowed by calls that it refused", async () => {
    const refusing = failing("us-east-1", new AppError("invalid_argument", "too many tokens"));
    const quota = { requestsPerMinute: 6_000, tokensPerMinute: 4_000 };
    const embedder = createEmbedder(makeDeps({ transports: [refusing], quota }));
    for (let at = 0; at < 20; at++) await embedder.embed(ask([`${at} ${"fox ".repeat(400)}`], { choice: named }));
    expect(embedder.headroom(titan)).toEqual({ retryAfterMs: 0 });
  });

  test("that stalls costs a search two seconds once, and comes last for half a minute", async () => {
    const clock = makeClock();
    const stalled = fakeTransport("us-east-1", (_, signal) => {
      const { promise, reject } = Promise.withResolvers<never>();
      signal.addEventListener("abort", () => reject(new AppError("cancelled", "left")), { once: true });
      return promise;
    });
    const other = fakeTransport("eu-west-1");
    const embedder = createEmbedder(makeDeps({ ...clock, transports: [stalled, other] }));
    const startedAt = clock.now();
    for (const text of ["a", "b", "c"]) await embedder.embed(ask([text], { choice: named, purpose: "query" }));
    expect([stalled.calls.length, other.calls.length, clock.now() - startedAt]).toEqual([1, 3, 2_000]);
    clock.pass(30_000);
    await embedder.embed(ask(["d"], { choice: named, purpose: "query" }));
    expect(stalled.calls).toHaveLength(2);
  });

  test("that stalls alone is waited for as long as the caller has time", async () => {
    const controller = new AbortController();
    const stalled = fakeTransport("us-east-1", () => {
      setImmediate(() => controller.abort(new DOMException("up", "TimeoutError")));
      return new Promise(() => undefined);
    });
    const embedder = createEmbedder(makeDeps({ transports: [{ ...stalled, invoke: whileCalled(stalled) }] }));
    const embedding = embedder.embed(ask(["a"], { choice: named, purpose: "query", signal: controller.signal }));
    await expect(embedding).rejects.toMatchObject({ code: "deadline_exceeded" });
  });

  test("says how long a call would wait, and refuses one that would wait too long", async () => {
    const { hooks, told } = recordHooks();
    const embedder = createEmbedder(
      makeDeps({
        hooks,
        transports: [fakeTransport("us-east-1")],
        quota: { requestsPerMinute: 4, tokensPerMinute: 1_000_000 },
      }),
    );
    expect(embedder.headroom(titan)).toEqual({ retryAfterMs: 0 });
    await embedder.embed(ask(["a"], { choice: named }));
    expect(embedder.headroom(titan)).toEqual({ retryAfterMs: 15_000 });
    const query = embedder.embed(ask(["b"], { choice: named, purpose: "query" }));
    await expect(query).rejects.toMatchObject({ reason: "rate_limited", retryAfterMs: 15_000 });
    expect(told.filter(([name]) => name === "onFailure")).toEqual([]);
    await embedder.embed(ask(["b"], { choice: named }));
    expect(() => embedder.headroom("word2vec")).toThrow("unknown");
  });
});

test("headroom is the shortest wait of all regions, for buckets and for breakers that are open", async () => {
  const clock = makeClock();
  const away = (region: string, retryAfterMs: number) =>
    failing(region, new AppError("unavailable", "x", { reason: "breaker_open", retryAfterMs }));
  const transports = [away("us-east-1", 30_000), away("eu-west-1", 20_000)];
  const embedder = createEmbedder(makeDeps({ ...clock, transports }));
  await expect(embedder.embed(ask(["a"], { choice: named }))).rejects.toMatchObject({ retryAfterMs: 20_000 });
  expect(embedder.headroom(titan)).toEqual({ retryAfterMs: 20_000 });
  clock.pass(20_000);
  expect(embedder.headroom(titan)).toEqual({ retryAfterMs: 0 });
});

test("hooks are told of calls, failures, throttling, retries and waiting", async () => {
  const { hooks, told } = recordHooks();
  let left = 1;
  const busy = fakeTransport("us-east-1", () => (left-- > 0 ? Promise.reject(throttled(2_000)) : undefined));
  await embedOne([busy], named, { hooks });
  const place = { model: titan, region: "us-east-1" };
  expect(told).toEqual([
    ["onLookup", "memory", 0, 1],
    ["onFailure", { ...place, code: "resource_exhausted", reason: "throttled" }],
    ["onThrottled", { ...place, share: 0.7 }],
    ["onRetry", { ...place, delayMs: 2_000 }],
    ["onCall", { ...place, texts: 1, tokens: 10, costMicroUsd: 0.2, tookMs: 0 }],
  ]);
});
