import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { makeClock } from "../../test/_fake-models.ts";
import { createTokenBucket, type TokenBucket } from "./token-bucket.ts";

/** 10 requests and 1,000 tokens a second: room for 150 and 15,000. */
const quota = { requestsPerMinute: 600, tokensPerMinute: 60_000 };
const signal = new AbortController().signal;
const patient = { maxWaitMs: 60_000, isUrgent: false, signal };
const seed = Number(process.env["FAST_CHECK_SEED"] ?? Date.now() % 2_147_483_647);

function makeBucket(maxShare?: number): { bucket: TokenBucket; clock: ReturnType<typeof makeClock> } {
  const clock = makeClock();
  return { clock, bucket: createTokenBucket(quota, { ...clock, ...(maxShare !== undefined && { maxShare }) }) };
}

describe("taking", () => {
  test("waits for nothing while there is room, in requests and in tokens", async () => {
    const { bucket } = makeBucket();
    for (let i = 0; i < 150; i++) expect(await bucket.take(100, patient)).toBe(0);
    expect(bucket.waitMs()).toBe(100);
    expect(await bucket.take(100, patient)).toBe(100);
  });

  test("waits for tokens where requests are plenty", async () => {
    const { bucket } = makeBucket();
    await bucket.take(15_000, patient);
    expect(await bucket.take(500, patient)).toBe(500);
  });

  test("lets a call of more tokens than it holds go when it is full, and others wait for the debt", async () => {
    const { bucket } = makeBucket();
    expect(await bucket.take(20_000, patient)).toBe(0);
    expect(await bucket.take(1, patient)).toBe(5_001);
  });

  test("is first come, first served", async () => {
    const { bucket } = makeBucket();
    await bucket.take(15_000, patient);
    const went: string[] = [];
    await Promise.all([
      bucket.take(900, patient).then(() => went.push("large")),
      bucket.take(10, patient).then(() => went.push("small")),
    ]);
    expect(went).toEqual(["large", "small"]);
  });

  test("that is urgent comes before all that waits and is not", async () => {
    const { bucket } = makeBucket(1);
    await bucket.take(15_000, patient);
    const went: string[] = [];
    const all = ["a", "b", "c"].map((name) => bucket.take(5_000, patient).then(() => went.push(name)));
    const waited = await bucket.take(100, { ...patient, isUrgent: true });
    expect([waited, went]).toEqual([100, []]);
    await Promise.all(all);
    expect(went).toEqual(["a", "b", "c"]);
    expect(bucket.waitMs()).toBe(101);
  });

  test("that waits when somebody is throttled waits on, or gives up", async () => {
    const { bucket, clock } = makeBucket();
    await bucket.take(15_000, patient);
    const from = clock.now();
    const [stays, goes] = [bucket.take(1_000, patient), bucket.take(1_000, { ...patient, maxWaitMs: 5_000 })];
    bucket.slowDown(8_000);
    await expect(goes).rejects.toMatchObject({ reason: "rate_limited" });
    expect([await stays, clock.now() - from]).toEqual([8_000, 8_000]);
  });

  test("refuses at once what would wait too long, and takes nothing for it", async () => {
    const { bucket } = makeBucket();
    await bucket.take(15_000, patient);
    await expect(bucket.take(3_000, { ...patient, maxWaitMs: 2_999 })).rejects.toMatchObject({
      code: "resource_exhausted",
      reason: "rate_limited",
      retryAfterMs: 3_000,
    });
    expect(await bucket.take(1, patient)).toBe(1);
  });

  test("that is cancelled gives back what it took", async () => {
    const { bucket } = makeBucket();
    await bucket.take(15_000, patient);
    const controller = new AbortController();
    const taking = bucket.take(10_000, { ...patient, signal: controller.signal });
    controller.abort();
    await expect(taking).rejects.toMatchObject({ code: "cancelled" });
    expect(bucket.waitMs()).toBe(1);
    const another = new AbortController();
    const urgent = bucket.take(10_000, { ...patient, isUrgent: true, signal: another.signal });
    another.abort();
    await expect(urgent).rejects.toMatchObject({ code: "cancelled" });
    expect(bucket.waitMs()).toBe(1);
    await expect(bucket.take(1, { ...patient, signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: "cancelled",
    });
  });

  test("is settled by what the call really took", async () => {
    const { bucket } = makeBucket();
    await bucket.take(10_000, patient);
    bucket.settle(5_000);
    expect(await bucket.take(1_000, patient)).toBe(1_000);
    bucket.settle(-1_000);
    expect(await bucket.take(1_000, patient)).toBe(0);
    expect(bucket.waitMs()).toBe(1);
  });
});

describe("throttling", () => {
  test("lessens the rate, and lets nothing go before the time that was asked for", async () => {
    const { bucket } = makeBucket();
    bucket.slowDown(7_000);
    expect([bucket.share(), bucket.waitMs()]).toEqual([0.7, 7_000]);
    bucket.slowDown();
    expect(bucket.share()).toBe(0.7);
  });

  test("empties the bucket: what was saved up would be throttled too", () => {
    const { bucket } = makeBucket();
    bucket.slowDown();
    expect(bucket.waitMs()).toBe(143);
  });

  test("of calls under one cause counts once, of later ones again", () => {
    const { bucket, clock } = makeBucket();
    for (let i = 0; i < 5; i++) bucket.slowDown();
    clock.pass(999);
    bucket.slowDown();
    expect(bucket.share()).toBe(0.7);
    clock.pass(1);
    bucket.slowDown();
    expect(bucket.share()).toBeCloseTo(0.49, 3);
  });

  test("never stops it altogether", () => {
    const { bucket, clock } = makeBucket();
    for (let i = 0; i < 50; i++) {
      bucket.slowDown();
      clock.pass(1_000);
    }
    expect(bucket.share()).toBeGreaterThanOrEqual(1 / 64);
    expect(bucket.waitMs()).toBeLessThan(10_000);
  });

  test("is recovered from by a twentieth of the rate that was throttled a second, up to the quota where nobody waits", () => {
    const { bucket, clock } = makeBucket();
    bucket.slowDown();
    clock.pass(4_000);
    expect(bucket.share()).toBeCloseTo(0.9, 9);
    clock.pass(3_600_000);
    expect(bucket.share()).toBe(1);
  });

  test("that is hard is recovered from within minutes", () => {
    const { bucket, clock } = makeBucket();
    for (let i = 0; i < 50; i++) {
      bucket.slowDown();
      clock.pass(1_000);
    }
    for (let i = 0; i < 200; i++) {
      clock.pass(1_000);
      bucket.waitMs();
    }
    expect(bucket.share()).toBe(1);
  });

  test("that never comes lets the rate grow while callers wait, up to its bound", async () => {
    const { bucket } = makeBucket(2);
    await bucket.take(15_000, patient);
    for (let i = 0; i < 100; i++) await bucket.take(1_000, patient);
    expect(bucket.share()).toBe(2);
  });
});

test(`no stretch of time sees more, urgent or not, than the bucket holds and gains, and what waited (seed ${seed})`, async () => {
  const step = fc.record({ tokens: fc.integer({ min: 1, max: 2_000 }), idleMs: fc.nat(3_000), isUrgent: fc.boolean() });
  const property = fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
    const { bucket, clock } = makeBucket(1);
    const from = clock.now();
    let [sum, took] = [0, 0];
    const all = steps.map(async ({ tokens, idleMs, isUrgent }) => {
      clock.pass(idleMs);
      await bucket.take(tokens, { ...patient, maxWaitMs: 3_600_000, isUrgent });
      sum += tokens;
      took = Math.max(took, clock.now() - from);
    });
    await Promise.all(all);
    const urgent = steps.reduce((total, { tokens, isUrgent }) => total + (isUrgent ? tokens : 0), 0);
    expect(sum).toBeLessThanOrEqual(15_000 + took + urgent + 1e-6);
    expect(bucket.waitMs()).toBeGreaterThanOrEqual(0);
  });
  await fc.assert(property, { seed, numRuns: 200 });
});

test(`no stretch of time sees more than the bucket holds and what it gains meanwhile (seed ${seed})`, async () => {
  const step = fc.record({ tokens: fc.integer({ min: 1, max: 12_000 }), idleMs: fc.nat(8_000) });
  const property = fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
    const { bucket, clock } = makeBucket(1);
    const went: { at: number; tokens: number }[] = [];
    for (const { tokens, idleMs } of steps) {
      clock.pass(idleMs);
      await bucket.take(tokens, patient);
      went.push({ at: clock.now(), tokens });
    }
    for (const [from, first] of went.entries()) {
      let sum = 0;
      for (const { at, tokens } of went.slice(from)) {
        sum += tokens;
        expect(sum).toBeLessThanOrEqual(15_000 + (at - first.at) + 1e-6);
      }
    }
  });
  await fc.assert(property, { seed, numRuns: 200 });
});

test(`whatever happens, the rate stays within its bounds and waiting is finite (seed ${seed})`, () => {
  const event = fc.oneof(
    fc.record({ kind: fc.constant("slow" as const), ms: fc.nat(5_000) }),
    fc.record({ kind: fc.constant("pass" as const), ms: fc.nat(20_000) }),
    fc.record({ kind: fc.constant("settle" as const), ms: fc.integer({ min: -20_000, max: 20_000 }) }),
  );
  const property = fc.property(fc.array(event, { maxLength: 60 }), (events) => {
    const { bucket, clock } = makeBucket();
    for (const { kind, ms } of events) {
      if (kind === "slow") bucket.slowDown(ms);
      if (kind === "pass") clock.pass(ms);
      if (kind === "settle") bucket.settle(ms);
      expect(bucket.share()).toBeGreaterThanOrEqual(1 / 64);
      expect(bucket.share()).toBeLessThanOrEqual(1);
      expect(Number.isFinite(bucket.waitMs())).toBe(true);
    }
    clock.pass(24 * 3_600_000);
    bucket.waitMs();
    clock.pass(24 * 3_600_000);
    expect([bucket.share(), bucket.waitMs()]).toEqual([1, 0]);
  });
  fc.assert(property, { seed, numRuns: 200 });
});
