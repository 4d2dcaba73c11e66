import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { type BedrockOptions, type BedrockTransport, openBedrock } from "@devmesh/adapters";
import { AppError } from "@devmesh/models";
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { type BedrockStandIn, startBedrockStandIn } from "./bedrock-stand-in.ts";
import type { Fault } from "./faults.ts";

const titan = "amazon.titan-embed-text-v2:0";
const english = "cohere.embed-english-v3";
const bodies: Readonly<Record<string, unknown>> = {
  [titan]: { inputText: "lanes" },
  [english]: { texts: ["lanes"], input_type: "search_query" },
};
const eventually = { timeout: 30_000, interval: 5 };

let standIn: BedrockStandIn;
beforeAll(async () => {
  standIn = await startBedrockStandIn({ port: 0 });
});
afterAll(() => standIn[Symbol.asyncDispose]());
beforeEach(() => {
  standIn.faults.clear();
  standIn.calls.reset();
});

function open(options: Partial<BedrockOptions> = {}): AsyncDisposable & { readonly transport: BedrockTransport } {
  const bedrock = openBedrock({ regions: ["us-east-1"], endpoint: standIn.endpoint, ...options });
  const [transport] = bedrock.transports;
  if (transport === undefined) throw new Error("there is no transport");
  return { transport, [Symbol.asyncDispose]: () => bedrock[Symbol.asyncDispose]() };
}

/** The error, or undefined where there was none. */
async function call(
  transport: BedrockTransport,
  { model = titan, signal = new AbortController().signal }: { model?: string; signal?: AbortSignal } = {},
): Promise<AppError | undefined> {
  try {
    await transport.invoke(model, bodies[model], { signal });
    return undefined;
  } catch (error) {
    if (error instanceof AppError) return error;
    throw error;
  }
}

async function callTimes(transport: BedrockTransport, times: number): Promise<(string | undefined)[]> {
  const errors: (string | undefined)[] = [];
  for (let count = 0; count < times; count++) {
    const error = await call(transport);
    errors.push(error?.reason ?? error?.code);
  }
  return errors;
}

describe("what goes wrong at Bedrock", () => {
  const ordered: readonly (readonly [Fault, Partial<AppError>])[] = [
    [{ kind: "throttle" }, { code: "resource_exhausted", reason: "throttled", retryAfterMs: undefined }],
    [
      { kind: "throttle", retryAfterMs: 1_500 },
      { code: "resource_exhausted", reason: "throttled", retryAfterMs: 1_500 },
    ],
    [{ kind: "fail" }, { code: "unavailable", reason: "bedrock" }],
    [{ kind: "fail", error: "InternalServerException" }, { code: "unavailable" }],
    [{ kind: "fail", error: "ModelNotReadyException" }, { code: "unavailable" }],
    [{ kind: "fail", error: "ModelErrorException" }, { code: "unavailable" }],
    [{ kind: "fail", error: "ModelTimeoutException" }, { code: "deadline_exceeded" }],
    [{ kind: "fail", error: "AccessDeniedException" }, { code: "permission_denied" }],
    [{ kind: "fail", error: "UnrecognizedClientException" }, { code: "permission_denied" }],
    [
      { kind: "fail", error: "ResourceNotFoundException" },
      { code: "not_found", reason: "model_not_found" },
    ],
    [
      { kind: "fail", error: "ValidationException" },
      { code: "invalid_argument", reason: "model_refused" },
    ],
    [{ kind: "cut" }, { code: "unavailable" }],
  ];

  it.each(ordered)("is translated once: %j", async (fault, expected) => {
    await using bedrock = open();
    standIn.faults.add({ ...fault, times: 1 });
    const error = await call(bedrock.transport);
    expect(error).toMatchObject(expected);
    expect(error?.message).toContain(titan);
    // it was sent once: trying again is not the client's affair
    expect(standIn.calls.of(titan)).toMatchObject({ calls: 1, faulted: 1 });
    expect(await call(bedrock.transport)).toBeUndefined();
  });

  it("is translated for Converse too, and a cut answer is no text", async () => {
    await using bedrock = open();
    const modelId = "us.anthropic.claude-haiku-4-5-20251001-v1:0";
    const request = { modelId, system: "s", cachedText: undefined, prompt: "p", maxTokens: 10 };
    const { signal } = new AbortController();
    standIn.faults.add({ kind: "cut", times: 1 });
    await expect(bedrock.transport.converse(request, { signal })).rejects.toMatchObject({ code: "unavailable" });
    standIn.faults.add({ kind: "throttle", times: 1 });
    await expect(bedrock.transport.converse(request, { signal })).rejects.toMatchObject({ reason: "throttled" });
    expect((await bedrock.transport.converse(request, { signal })).text).not.toBe("");
  });

  it("is late where an answer takes longer than its limit, and the next call is not", async () => {
    await using bedrock = open({ invokeLimitMs: 60 });
    standIn.faults.add({ kind: "stall", ms: 60_000, times: 1 });
    expect(await call(bedrock.transport)).toMatchObject({ code: "deadline_exceeded" });
    await using patient = open();
    expect(await call(patient.transport)).toBeUndefined();
  });

  it("is unavailable where nobody listens", async () => {
    await using bedrock = open({ endpoint: "http://127.0.0.1:1" });
    expect(await call(bedrock.transport)).toMatchObject({ code: "unavailable", reason: "bedrock" });
  });

  it("is cancelled when the caller goes, before the call and in its middle", async () => {
    await using bedrock = open();
    expect(await call(bedrock.transport, { signal: AbortSignal.abort() })).toMatchObject({ code: "cancelled" });
    expect(standIn.calls.of(titan).calls).toBe(0);
    standIn.faults.add({ kind: "stall", ms: 60_000 });
    const going = new AbortController();
    const called = call(bedrock.transport, { signal: going.signal });
    await vi.waitFor(() => expect(standIn.calls.of(titan).inFlight).toBe(1), eventually);
    going.abort();
    expect(await called).toMatchObject({ code: "cancelled" });
  });
});

describe("the breaker of a model and region", () => {
  it("opens when half of ten calls failed, lets one try after its rest, and closes when that succeeds", async () => {
    await using bedrock = open({ regions: ["us-east-1", "us-west-2"], breaker: { resetMs: 1_500 } });
    standIn.faults.add({ kind: "fail", rate: 0.5, modelId: titan });
    const before = await callTimes(bedrock.transport, 10);
    expect(before.filter((reason) => reason === "bedrock")).toHaveLength(5);
    const asked = standIn.calls.of(titan).calls;
    expect(asked).toBe(10);
    const refused = await call(bedrock.transport);
    expect(refused).toMatchObject({ code: "unavailable", reason: "breaker_open" });
    expect(refused?.retryAfterMs).toBeLessThanOrEqual(1_500);
    expect(standIn.calls.of(titan).calls).toBe(asked);
    // another model is another breaker
    expect(await call(bedrock.transport, { model: english })).toBeUndefined();
    standIn.faults.clear();
    standIn.faults.add({ kind: "fail", modelId: titan, times: 1 });
    // half open: the one call that is let through fails, and it rests again
    await vi.waitFor(
      async () => expect(await call(bedrock.transport)).toMatchObject({ reason: "bedrock" }),
      eventually,
    );
    expect(await call(bedrock.transport)).toMatchObject({ reason: "breaker_open" });
    await vi.waitFor(async () => expect(await call(bedrock.transport)).toBeUndefined(), eventually);
    expect(await callTimes(bedrock.transport, 3)).toEqual([undefined, undefined, undefined]);
  });

  it("stays closed on nine failures, and another region's is its own", async () => {
    const bedrock = openBedrock({ regions: ["us-east-1", "us-west-2"], endpoint: standIn.endpoint });
    await using _bedrock = bedrock;
    const [east, west] = bedrock.transports;
    if (east === undefined || west === undefined) throw new Error("there are no transports");
    standIn.faults.add({ kind: "fail", times: 10 });
    expect(await callTimes(east, 9)).not.toContain("breaker_open");
    await callTimes(east, 1);
    expect(await callTimes(east, 1)).toEqual(["breaker_open"]);
    expect(await callTimes(west, 1)).toEqual([undefined]);
  });

  it("doesn't open for throttles, nor for what was wrong with the request", async () => {
    await using bedrock = open();
    standIn.faults.add({ kind: "throttle", times: 15 });
    standIn.faults.add({ kind: "fail", error: "ValidationException", times: 15 });
    const reasons = await callTimes(bedrock.transport, 31);
    expect(reasons).not.toContain("breaker_open");
    expect(reasons.at(-1)).toBeUndefined();
  });
});

describe("a service that hangs", () => {
  it("opens the breaker, though callers give up before its limit, who are told that they did", async () => {
    await using bedrock = open({ invokeLimitMs: 100 });
    standIn.faults.add({ kind: "stall", ms: 60_000 });
    const calls = Array.from({ length: 10 }, () => call(bedrock.transport, { signal: AbortSignal.timeout(60) }));
    expect(new Set((await Promise.all(calls)).map((error) => error?.code))).toEqual(new Set(["cancelled"]));
    expect(await call(bedrock.transport)).toMatchObject({ reason: "breaker_open" });
  });

  it("is asked on a new connection after a call that ran out of time, for the old one may be dead", async () => {
    const pairs: (readonly [Socket, Socket])[] = [];
    const way = createServer((near) => {
      const far = connect(standIn.port, "127.0.0.1");
      pairs.push([near, far]);
      near
        .on("error", () => undefined)
        .pipe(far.on("error", () => undefined))
        .pipe(near);
    }).listen(0, "127.0.0.1");
    await once(way, "listening");
    const endpoint = `http://127.0.0.1:${(way.address() as AddressInfo).port}`;
    await using bedrock = open({ endpoint, invokeLimitMs: 2_000 });
    expect(await call(bedrock.transport)).toBeUndefined();
    expect(await call(bedrock.transport)).toBeUndefined();
    expect(pairs).toHaveLength(1);
    // nothing comes through any more, and nobody says so
    for (const [near, far] of pairs) near.unpipe(far);
    const late = await Promise.all([call(bedrock.transport), call(bedrock.transport)]);
    expect(late.map((error) => error?.code)).toEqual(["deadline_exceeded", "deadline_exceeded"]);
    expect(await call(bedrock.transport)).toBeUndefined();
    expect(pairs).toHaveLength(2);
    for (const socket of pairs.flat()) socket.destroy();
    way.close();
    await once(way, "close");
  });
});

describe("the bulkhead of a model", () => {
  it("has a call wait for a place, refuses past its bounds, and leaves other models alone", async () => {
    await using bedrock = open({ bulkhead: { maxCalls: 2, maxWaiting: 1 } });
    standIn.faults.add({ kind: "stall", ms: 60_000, modelId: titan });
    const going = new AbortController();
    const stuck = [1, 2].map(() => call(bedrock.transport, { signal: going.signal }));
    await vi.waitFor(() => expect(standIn.calls.of(titan).inFlight).toBe(2), eventually);
    const waits = call(bedrock.transport);
    expect(await call(bedrock.transport)).toMatchObject({ code: "resource_exhausted", reason: "bulkhead_full" });
    expect(await call(bedrock.transport, { model: english })).toBeUndefined();
    standIn.faults.clear();
    going.abort();
    expect(await waits).toBeUndefined();
    expect((await Promise.all(stuck)).map((error) => error?.code)).toEqual(["cancelled", "cancelled"]);
    expect(standIn.calls.of(titan)).toMatchObject({ calls: 3 });
  });

  it("gives up a wait that takes too long, or that nobody wants any more", async () => {
    await using bedrock = open({ bulkhead: { maxCalls: 1, maxWaiting: 5, maxWaitMs: 40 } });
    standIn.faults.add({ kind: "stall", ms: 60_000 });
    const [going, leaving] = [new AbortController(), new AbortController()];
    const stuck = call(bedrock.transport, { signal: going.signal });
    await vi.waitFor(() => expect(standIn.calls.of(titan).inFlight).toBe(1), eventually);
    const [waits, left] = [call(bedrock.transport), call(bedrock.transport, { signal: leaving.signal })];
    leaving.abort();
    expect(await left).toMatchObject({ code: "cancelled" });
    expect(await waits).toMatchObject({ reason: "bulkhead_full" });
    going.abort();
    await stuck;
    standIn.faults.clear();
    expect(await call(bedrock.transport)).toBeUndefined();
  });
});
