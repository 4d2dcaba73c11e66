import { AppError, type ModelUsage } from "@devmesh/models";
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  ask,
  cohere,
  fakeTransport,
  makeDeps,
  throttled,
  titan,
  unavailable,
  vectorOf,
} from "../../test/_fake-models.ts";
import { createEmbedder } from "./create-embedder.ts";
import type { EmbedOutcome, ModelChoice } from "./embedder.ts";

const seed = Number(process.env["FAST_CHECK_SEED"] ?? Date.now() % 2_147_483_647);

/** How calls may end. */
const endings: readonly (() => unknown)[] = [
  () => undefined,
  () => undefined,
  () => undefined,
  () => Promise.reject(throttled(1_000)),
  () => Promise.reject(unavailable()),
  () => Promise.reject(unavailable("breaker_open")),
  () => Promise.reject(new AppError("deadline_exceeded", "late")),
  () => Promise.reject(new AppError("permission_denied", "no")),
  () => Promise.reject(new AppError("invalid_argument", "no")),
  () => ({ embedding: [1], embeddings: [[1]], inputTextTokenCount: 1 }),
];

interface Asked {
  readonly texts: readonly string[];
  readonly choice: ModelChoice;
}

const choices: readonly ModelChoice[] = [
  { model: titan },
  { model: cohere },
  { strategy: "balanced", dimensions: 512 },
];
const asked: fc.Arbitrary<Asked> = fc.record({
  texts: fc.array(
    fc.integer({ min: 0, max: 30 }).map((n) => `fox ${n}`),
    { minLength: 1, maxLength: 20 },
  ),
  choice: fc.constantFrom(...choices),
});
const schedule = fc.array(fc.constantFrom(...endings), { minLength: 1, maxLength: 40 });

/** Sends all at once to two regions whose calls end in turn as the script says. */
async function run(
  requests: readonly Asked[],
  script: readonly (() => unknown)[],
): Promise<{
  readonly settled: readonly PromiseSettledResult<EmbedOutcome>[];
  readonly called: ReadonlySet<string>;
  readonly answered: number;
  readonly recorded: number;
}> {
  let [turn, answered, recorded] = [0, 0, 0];
  const regions = ["us-east-1", "eu-west-1"].map((region) =>
    fakeTransport(region, () => script[turn++ % script.length]?.()),
  );
  const embedder = createEmbedder(
    makeDeps({
      transports: regions,
      hooks: {
        onCall: ({ tokens }) => {
          answered += tokens;
        },
      },
      ledger: {
        assertRoom: async () => undefined,
        record: async (_tenant, _kind, usages: readonly ModelUsage[]) => {
          for (const { inputTokens } of usages) recorded += inputTokens;
        },
      },
    }),
  );
  const settled = await Promise.allSettled(requests.map(({ texts, choice }) => embedder.embed(ask(texts, { choice }))));
  const called = new Set(regions.flatMap(({ calls }) => calls.map(({ modelId }) => modelId)));
  return { settled, called, answered, recorded };
}

function expectRight({ texts, choice }: Asked, outcome: EmbedOutcome): void {
  if ("model" in choice) expect(outcome.model).toBe(choice.model);
  for (const [at, vector] of outcome.vectors.entries()) {
    if (vector instanceof AppError) expect(vector.code).toBe("invalid_argument");
    else expect(vector).toEqual(vectorOf(texts[at] ?? "", outcome.dimensions));
  }
}

test(`whatever two regions do, vectors are right, names are kept, and all that was paid is recorded (seed ${seed})`, async () => {
  const property = fc.asyncProperty(fc.array(asked, { maxLength: 5 }), schedule, async (requests, script) => {
    const { settled, called, answered, recorded } = await run(requests, script);
    for (const [at, request] of requests.entries()) {
      const end = settled[at];
      if (end?.status === "fulfilled") expectRight(request, end.value);
      else expect(["unavailable", "resource_exhausted"]).toContain(end?.reason.code);
    }
    expect(recorded).toBe(answered);
    const named = requests.flatMap(({ choice }) => ("model" in choice ? [choice.model] : []));
    if (named.length === requests.length) expect(named).toEqual(expect.arrayContaining([...called]));
  });
  await fc.assert(property, { seed, numRuns: 80 });
});
