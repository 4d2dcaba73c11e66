import { AppError } from "@devmesh/models";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  ask,
  cohere,
  fakeCache,
  fakeTransport,
  makeDeps,
  titan,
  unavailable,
  vectorOf,
} from "../../test/_fake-models.ts";
import { createEmbedder } from "./create-embedder.ts";
import type { ModelChoice } from "./embedder.ts";

const named: ModelChoice = { model: titan, dimensions: 256 };
const seed = Number(process.env["FAST_CHECK_SEED"] ?? Date.now() % 2_147_483_647);

/** A region whose calls end when the test says so. */
function heldTransport(): ReturnType<typeof fakeTransport> & { release(error?: Error): void } {
  let held = Promise.withResolvers<undefined>();
  const transport = fakeTransport("us-east-1", (_, signal) => {
    const aborted = Promise.withResolvers<undefined>();
    signal.addEventListener("abort", () => aborted.reject(new AppError("cancelled", "left")), { once: true });
    return Promise.race([held.promise, aborted.promise]);
  });
  return {
    ...transport,
    release: (error) => {
      if (error === undefined) held.resolve(undefined);
      else held.reject(error);
      held = Promise.withResolvers();
    },
  };
}

async function until(isSo: () => boolean): Promise<void> {
  for (let turn = 0; turn < 1_000; turn++) {
    if (isSo()) return;
    await new Promise(setImmediate);
  }
  expect.unreachable("it never came to that");
}

describe("the same text", () => {
  test("of two requests at once is embedded once, and paid by the first", async () => {
    const transport = heldTransport();
    const embedder = createEmbedder(makeDeps({ transports: [transport] }));
    const first = embedder.embed(ask(["fox", "owl"], { choice: named }));
    await until(() => transport.calls.length === 2);
    const second = embedder.embed(ask(["owl", "fox", "elk"], { choice: named }));
    await until(() => transport.calls.length === 3);
    transport.release();
    const [a, b] = await Promise.all([first, second]);
    expect(transport.calls.flatMap(({ texts }) => texts)).toEqual(["fox", "owl", "elk"]);
    expect([a.reused, a.usage.inputTokens, b.reused, b.usage.inputTokens]).toEqual([0, 20, 2, 10]);
    expect(b.vectors).toEqual(["owl", "fox", "elk"].map((text) => vectorOf(text, 256)));
  });

  test("is not embedded again by one that looked for it before it was there, and asks after", async () => {
    const looking = Promise.withResolvers<void>();
    let lookups = 0;
    const slow = {
      ...fakeCache("redis"),
      getMany: async () => {
        if (lookups++ === 0) await looking.promise;
        return new Map();
      },
    };
    const transport = fakeTransport("us-east-1");
    const embedder = createEmbedder(
      makeDeps({ transports: [transport], caches: [slow], sleep: () => new Promise(() => undefined) }),
    );
    const first = embedder.embed(ask(["fox"], { choice: named }));
    await until(() => lookups === 1);
    await embedder.embed(ask(["fox"], { choice: named }));
    looking.resolve();
    expect(await first).toMatchObject({ reused: 1, usage: { inputTokens: 0 } });
    expect(transport.calls).toHaveLength(1);
  });

  test("is not embedded again while the rest of the request that it came in goes on", async () => {
    const held = Promise.withResolvers<undefined>();
    const transport = fakeTransport("us-east-1", ({ texts }) => (texts[0] === "owl" ? held.promise : undefined));
    const embedder = createEmbedder(makeDeps({ transports: [transport] }));
    const first = embedder.embed(ask(["fox", "owl"], { choice: named }));
    await until(() => transport.calls.length === 2);
    await new Promise(setImmediate);
    expect(await embedder.embed(ask(["fox"], { choice: named }))).toMatchObject({ reused: 1 });
    expect(transport.calls).toHaveLength(2);
    held.resolve(undefined);
    await first;
  });

  test("is embedded by the second where the first one left", async () => {
    const transport = heldTransport();
    const controller = new AbortController();
    const embedder = createEmbedder(makeDeps({ transports: [transport] }));
    const first = embedder.embed(ask(["fox"], { choice: named, signal: controller.signal }));
    await until(() => transport.calls.length === 1);
    const second = embedder.embed(ask(["fox"], { choice: named }));
    await new Promise(setImmediate);
    controller.abort();
    await expect(first).rejects.toMatchObject({ code: "cancelled" });
    await until(() => transport.calls.length === 2);
    transport.release();
    expect(await second).toMatchObject({ reused: 0, usage: { inputTokens: 10 } });
  });

  test("is embedded by one of those who waited, where the first one left", async () => {
    const transport = heldTransport();
    const controller = new AbortController();
    const embedder = createEmbedder(makeDeps({ transports: [transport] }));
    const first = embedder.embed(ask(["fox"], { choice: named, signal: controller.signal }));
    await until(() => transport.calls.length === 1);
    const others = Array.from({ length: 5 }, () => embedder.embed(ask(["fox"], { choice: named })));
    await new Promise(setImmediate);
    controller.abort();
    await expect(first).rejects.toMatchObject({ code: "cancelled" });
    await until(() => transport.calls.length === 2);
    await new Promise(setImmediate);
    transport.release();
    const outcomes = await Promise.all(others);
    expect(outcomes.map(({ reused }) => reused).toSorted()).toEqual([0, 1, 1, 1, 1]);
    expect(transport.calls).toHaveLength(2);
  });

  test("is embedded by the second where the first one's ledger failed", async () => {
    const asked = Promise.withResolvers<void>();
    let [isFirst, calls] = [true, 0];
    const ledger = {
      assertRoom: () => {
        calls++;
        if (!isFirst) return Promise.resolve();
        isFirst = false;
        return asked.promise;
      },
      record: async () => undefined,
    };
    const embedder = createEmbedder(makeDeps({ transports: [fakeTransport("us-east-1")], ledger }));
    const first = embedder.embed(ask(["fox"], { choice: { strategy: "cost" } }));
    await until(() => !isFirst);
    const second = embedder.embed(ask(["fox"], { choice: { strategy: "cost" } }));
    await new Promise(setImmediate);
    asked.reject(unavailable());
    await expect(first).rejects.toMatchObject({ code: "unavailable" });
    expect(await second).toMatchObject({ model: titan, reused: 0 });
    expect(calls).toBe(2);
  });

  test("is embedded by the second where the first one has no money", async () => {
    const transport = fakeTransport("us-east-1");
    const asked = Promise.withResolvers<void>();
    let isFirst = true;
    const ledger = {
      assertRoom: () => {
        if (!isFirst) return Promise.resolve();
        isFirst = false;
        return asked.promise;
      },
      record: async () => undefined,
    };
    const embedder = createEmbedder(makeDeps({ transports: [transport], ledger }));
    const poor = embedder.embed(ask(["fox"], { choice: named }));
    await until(() => !isFirst);
    const rich = embedder.embed(ask(["fox"], { choice: named }));
    await new Promise(setImmediate);
    asked.reject(new AppError("resource_exhausted", "spent", { reason: "budget" }));
    await expect(poor).rejects.toMatchObject({ reason: "budget" });
    expect((await rich).vectors).toEqual([vectorOf("fox", 256)]);
  });

  test("shares the failure of the model, without a call more", async () => {
    const transport = heldTransport();
    const embedder = createEmbedder(makeDeps({ transports: [transport] }));
    const both = [1, 2].map(() => embedder.embed(ask(["fox"], { choice: named })));
    await until(() => transport.calls.length === 1);
    await new Promise(setImmediate);
    transport.release(unavailable("breaker_open"));
    for (const one of both) await expect(one).rejects.toMatchObject({ reason: "breaker_open" });
    expect(transport.calls).toHaveLength(1);
  });

  test("is let go of by a caller that leaves while it waits for another's call", async () => {
    const transport = heldTransport();
    const controller = new AbortController();
    const embedder = createEmbedder(makeDeps({ transports: [transport] }));
    const first = embedder.embed(ask(["fox"], { choice: named }));
    await until(() => transport.calls.length === 1);
    const second = embedder.embed(ask(["fox"], { choice: named, signal: controller.signal }));
    await new Promise(setImmediate);
    controller.abort();
    await expect(second).rejects.toMatchObject({ code: "cancelled" });
    transport.release();
    expect((await first).vectors).toHaveLength(1);
  });

  test("as query and as document is two texts where the model makes a difference", async () => {
    const transport = fakeTransport("us-east-1");
    const embedder = createEmbedder(makeDeps({ transports: [transport] }));
    for (const model of [titan, cohere]) {
      await embedder.embed(ask(["fox"], { choice: { model } }));
      await embedder.embed(ask(["fox"], { choice: { model }, purpose: "query" }));
    }
    expect(transport.calls.map(({ modelId }) => modelId)).toEqual([titan, cohere, cohere]);
  });
});

describe("caches", () => {
  test("spare the call, the ledger, and the room in it", async () => {
    const redis = fakeCache("redis");
    const transport = fakeTransport("us-east-1");
    await createEmbedder(makeDeps({ transports: [transport], caches: [redis] })).embed(ask(["fox"], { choice: named }));
    const ledger = { assertRoom: () => expect.unreachable(), record: () => expect.unreachable() };
    const restarted = createEmbedder(makeDeps({ transports: [transport], caches: [redis], ledger }));
    const outcome = await restarted.embed(ask(["fox", " fox"], { choice: named }));
    expect(outcome).toMatchObject({ reused: 2, usage: { inputTokens: 0, costMicroUsd: 0 } });
    expect(outcome.vectors).toEqual([vectorOf("fox", 256), vectorOf("fox", 256)]);
    expect(transport.calls).toHaveLength(1);
  });

  test("other than memory keep nothing of the local model", async () => {
    const redis = fakeCache("redis");
    const embedder = createEmbedder(makeDeps({ caches: [redis] }));
    await embedder.embed(ask(["fox"]));
    expect(redis.entries.size).toBe(0);
    expect(await embedder.embed(ask(["fox"]))).toMatchObject({ reused: 1 });
  });

  test("that give a vector of another length are not believed", async () => {
    const odd = {
      ...fakeCache("redis"),
      getMany: async (keys: readonly string[]) => new Map([[keys[0] ?? "", new Float32Array(3)]]),
    };
    const transport = fakeTransport("us-east-1");
    const embedder = createEmbedder(makeDeps({ transports: [transport], caches: [odd] }));
    expect((await embedder.embed(ask(["fox"], { choice: named }))).vectors).toEqual([vectorOf("fox", 256)]);
  });
});

test(`every text gets its own vector, in order, and no text is sent twice (seed ${seed})`, async () => {
  const word = fc.constantFrom(
    "fox",
    "owl",
    "elk",
    " fox",
    "owl\n",
    "",
    "  ",
    "x".repeat(3_000),
    "\ud800",
    "Fox",
    "bee",
  );
  const request = fc.record({
    texts: fc.array(word, { maxLength: 12 }),
    model: fc.constantFrom(titan, "cohere.embed-multilingual-v3"),
  });
  const property = fc.asyncProperty(fc.array(request, { maxLength: 4 }), async (requests) => {
    const transport = fakeTransport("us-east-1");
    const embedder = createEmbedder(makeDeps({ transports: [transport], caches: [fakeCache("redis")] }));
    const outcomes = await Promise.all(
      requests.map(({ texts, model }) => embedder.embed(ask(texts, { choice: { model } }))),
    );
    for (const [at, { texts, model }] of requests.entries()) {
      const expected = texts.map((text) => expectedOf(text.trim(), model));
      expect(outcomes[at]?.vectors.map((one) => (one instanceof AppError ? one.code : one))).toEqual(expected);
    }
    const sent = transport.calls.flatMap(({ modelId, texts }) => texts.map((text) => `${modelId} ${text}`));
    expect(new Set(sent).size).toBe(sent.length);
  });
  await fc.assert(property, { seed, numRuns: 60 });
});

function expectedOf(text: string, model: string): unknown {
  const isTooLong = model !== titan && text.length > 2_048;
  if (text === "" || isTooLong || !text.isWellFormed()) return "invalid_argument";
  return vectorOf(text, 1024);
}
