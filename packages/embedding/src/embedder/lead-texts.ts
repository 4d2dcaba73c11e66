import { AppError, type TenantId, toAppError, type Vector } from "@devmesh/models";
import type { VectorKind } from "../cache/cache-key.ts";
import type { CacheLevels } from "../cache/cache-levels.ts";
import type { Landing } from "../cache/flights.ts";
import type { ModelLimits } from "../catalogue/embedding-model.ts";
import { costMicroUsd, toUsage } from "../catalogue/model-cost.ts";
import type { UsageLedger } from "../ports/usage-ledger.ts";
import { callModel, leadsOn, type RoundTimes } from "../routing/call-model.ts";
import { assertWanted } from "../routing/cancelled.ts";
import type { CallAnswer, ModelTarget } from "../routing/model-target.ts";
import { runBounded } from "../routing/run-bounded.ts";
import type { PreparedText } from "./prepare-texts.ts";

/** Texts that this request pays for. */
export interface LedTexts {
  readonly tenantId: TenantId;
  readonly kind: VectorKind;
  readonly targets: readonly ModelTarget[];
  readonly texts: readonly PreparedText[];
  readonly signal: AbortSignal;
  /** Told of each text as soon as it is known how it ended. */
  readonly land: (key: string, landing: Landing) => void;
}

/** What came of them. */
export interface LedOutcome {
  readonly values: ReadonlyMap<string, Vector | AppError>;
  readonly tokens: number;
  /** Why the model gave nothing for those that `values` lacks. */
  readonly failure: AppError | undefined;
}

/** What leading needs. */
export interface LeadDeps extends RoundTimes {
  readonly levels: CacheLevels;
  readonly ledger: UsageLedger;
}

/** How long a call may wait for its token bucket: somebody waits for a search, nobody for a document. */
const maxWaitMs = { query: 3_000, document: 15_000 } as const;
/** How long a search waits for one region while there is another: a call takes 0.1 to 0.5 s. */
const queryLimitMs = 2_000;
/** Refused calls of one batch until the rest of it is given up: one bad text among 96 takes 8, two take at most 14. */
const maxRefusals = 24;

/** What there is so far. */
interface Progress {
  readonly values: Map<string, Vector | AppError>;
  tokens: number;
}

/**
 * Calls the model for all texts, in batches. A batch that the model refuses is halved until the bad text is alone. What
 * was paid for is cached and recorded, whatever else failed.
 *
 * @throws AppError what the ledger throws, `cancelled`; a model's failure is in the outcome.
 */
export async function leadTexts(deps: LeadDeps, led: LedTexts): Promise<LedOutcome> {
  const progress: Progress = { values: new Map(), tokens: 0 };
  try {
    await assertRoom(deps.ledger, led);
    const failure = await callForAll(deps, led, progress);
    return { ...progress, failure };
  } catch (caught) {
    landRest(led, progress, { isAbandoned: true });
    throw caught;
  }
}

async function assertRoom(ledger: UsageLedger, { tenantId, texts, kind }: LedTexts): Promise<void> {
  const tokens = sumTokens(texts);
  await ledger.assertRoom(tenantId, { tokens, costMicroUsd: costMicroUsd(kind.model, tokens) });
}

async function callForAll(deps: LeadDeps, led: LedTexts, progress: Progress): Promise<AppError | undefined> {
  try {
    await runBounded(cutBatches(led.texts, led.kind.model.limits), led.kind.model.concurrency, (batch) =>
      embedBatch({ deps, led, progress, refusals: { left: maxRefusals } }, batch),
    );
    return undefined;
  } catch (caught) {
    assertWanted(led.signal);
    const failure = toAppError(caught);
    if (!leadsOn(failure)) throw failure;
    landRest(led, progress, { failure });
    return failure;
  } finally {
    await keep(deps, led, progress);
  }
}

interface BatchRun {
  readonly deps: LeadDeps;
  readonly led: LedTexts;
  readonly progress: Progress;
  readonly refusals: { left: number };
}

async function embedBatch(run: BatchRun, texts: readonly PreparedText[]): Promise<void> {
  const answer = await callOrRefusal(run, texts);
  if (!(answer instanceof AppError)) {
    run.progress.tokens += answer.tokens;
    for (const [at, { key }] of texts.entries()) land(run, key, answer.vectors[at]);
    return;
  }
  run.refusals.left--;
  if (texts.length === 1 || run.refusals.left <= 0) {
    for (const { key } of texts) land(run, key, answer);
    return;
  }
  const half = Math.ceil(texts.length / 2);
  await embedBatch(run, texts.slice(0, half));
  await embedBatch(run, texts.slice(half));
}

async function callOrRefusal({ deps, led }: BatchRun, texts: readonly PreparedText[]): Promise<CallAnswer | AppError> {
  try {
    return await callModel(
      led.targets,
      {
        ...led.kind,
        texts: texts.map(({ text }) => text),
        estimatedTokens: sumTokens(texts),
        maxWaitMs: maxWaitMs[led.kind.purpose],
        limitMs: led.kind.purpose === "query" ? queryLimitMs : undefined,
        signal: led.signal,
      },
      deps,
    );
  } catch (caught) {
    const error = toAppError(caught);
    if (error.code === "invalid_argument") return error;
    throw error;
  }
}

function land({ deps, led, progress }: BatchRun, key: string, value: Vector | AppError | undefined): void {
  if (value === undefined) return;
  progress.values.set(key, value);
  if (!(value instanceof AppError)) deps.levels.remember(key, value);
  led.land(key, { value });
}

function landRest(led: LedTexts, progress: Progress, landing: Landing): void {
  for (const { key } of led.texts) if (!progress.values.has(key)) led.land(key, landing);
}

/** Caches and records what was paid for. */
async function keep({ levels, ledger }: LeadDeps, led: LedTexts, { values, tokens }: Progress): Promise<void> {
  const vectors = new Map<string, Vector>();
  for (const [key, value] of values) if (!(value instanceof AppError)) vectors.set(key, value);
  const cached = levels.setMany(vectors, led.signal);
  if (tokens > 0) await ledger.record(led.tenantId, "embed", [toUsage(led.kind.model, tokens)]);
  await cached;
}

function sumTokens(texts: readonly PreparedText[]): number {
  return texts.reduce((sum, { tokens }) => sum + tokens, 0);
}

/** In order; a batch is full at so many texts or characters. */
function cutBatches(texts: readonly PreparedText[], limits: ModelLimits): readonly (readonly PreparedText[])[] {
  const batches: PreparedText[][] = [];
  let characters = Number.POSITIVE_INFINITY;
  for (const text of texts) {
    const batch = batches.at(-1);
    characters += text.text.length;
    if (batch !== undefined && batch.length < limits.textsPerCall && characters <= limits.charactersPerCall) {
      batch.push(text);
    } else {
      batches.push([text]);
      characters = text.text.length;
    }
  }
  return batches;
}
