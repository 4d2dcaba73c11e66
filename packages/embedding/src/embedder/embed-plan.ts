import type { AppError, EmbeddingPurpose, TenantId, Vector } from "@devmesh/models";
import type { CacheLevels } from "../cache/cache-levels.ts";
import type { Flights, Landing } from "../cache/flights.ts";
import { whileWanted } from "../routing/cancelled.ts";
import type { ModelPlan } from "../routing/choose-models.ts";
import type { ModelTarget } from "../routing/model-target.ts";
import { type LeadDeps, type LedOutcome, leadTexts } from "./lead-texts.ts";
import type { PreparedText } from "./prepare-texts.ts";

/** Texts for one model. */
export interface PlannedTexts extends ModelPlan {
  readonly tenantId: TenantId;
  readonly purpose: EmbeddingPurpose;
  readonly targets: readonly ModelTarget[];
  /** No key twice. */
  readonly texts: readonly PreparedText[];
  readonly signal: AbortSignal;
}

/** What one model gave for them. */
export interface PlanOutcome {
  readonly values: ReadonlyMap<string, Vector | AppError>;
  /** Keys that this request has paid for. */
  readonly paid: ReadonlySet<string>;
  readonly tokens: number;
  /** Set where the model failed: another one may take over. */
  readonly failure: AppError | undefined;
}

/** What embedding by one model needs. */
export interface PlanDeps extends LeadDeps {
  readonly levels: CacheLevels;
  readonly flights: Flights;
}

/**
 * Gives each text its vector: from the caches, from a call for the same text that is under way, or from the model.
 *
 * @throws AppError as `leadTexts`
 */
export async function embedPlan(deps: PlanDeps, plan: PlannedTexts): Promise<PlanOutcome> {
  const values = await findCached(deps.levels, plan);
  const paid = new Set<string>();
  let tokens = 0;
  let wanted = plan.texts;
  // Again only for texts whose callers have left: each time a caller less.
  while (wanted.length > 0) {
    const { led, joined } = takeOff(deps, wanted, values);
    const outcome = await lead(deps, plan, led);
    tokens += outcome.tokens;
    addAll(values, outcome.values);
    for (const { key } of led) paid.add(key);
    if (outcome.failure !== undefined) return { values, paid, tokens, failure: outcome.failure };
    const { abandoned, failure } = await awaitJoined(joined, values, plan.signal);
    if (failure !== undefined) return { values, paid, tokens, failure };
    wanted = abandoned;
  }
  return { values, paid, tokens, failure: undefined };
}

interface TakenOff {
  /** Ours to call for. */
  readonly led: readonly PreparedText[];
  readonly joined: readonly (readonly [text: PreparedText, landing: Promise<Landing>])[];
}

/** Decides for each text that has no value yet, in one go: nothing is awaited, so that a key never has two flights. */
function takeOff(
  { levels, flights }: PlanDeps,
  texts: readonly PreparedText[],
  values: Map<string, Vector | AppError>,
): TakenOff {
  const led: PreparedText[] = [];
  const joined: [text: PreparedText, landing: Promise<Landing>][] = [];
  for (const text of texts.filter(({ key }) => !values.has(key))) {
    const landed = levels.peek(text.key);
    const flight = flights.join(text.key);
    if (landed !== undefined) values.set(text.key, landed);
    else if (flight !== undefined) joined.push([text, flight]);
    else {
      flights.start(text.key);
      led.push(text);
    }
  }
  return { led, joined };
}

async function findCached(levels: CacheLevels, plan: PlannedTexts): Promise<Map<string, Vector | AppError>> {
  const keys = plan.texts.map(({ key }) => key);
  return new Map(keys.length === 0 ? [] : await levels.getMany(keys, plan.dimensions, plan.signal));
}

async function lead(deps: PlanDeps, plan: PlannedTexts, texts: readonly PreparedText[]): Promise<LedOutcome> {
  if (texts.length === 0) return { values: new Map(), tokens: 0, failure: undefined };
  return await leadTexts(deps, { ...plan, kind: plan, texts, land: deps.flights.land });
}

/** Waits for others' calls. One that ended for a reason of its caller's own left its texts to us. */
async function awaitJoined(
  joined: TakenOff["joined"],
  values: Map<string, Vector | AppError>,
  signal: AbortSignal,
): Promise<{ readonly abandoned: readonly PreparedText[]; readonly failure: AppError | undefined }> {
  const abandoned: PreparedText[] = [];
  let failure: AppError | undefined;
  for (const [text, flight] of joined) {
    const landing = await whileWanted(flight, signal);
    if ("value" in landing) values.set(text.key, landing.value);
    else if ("failure" in landing) failure = landing.failure;
    else abandoned.push(text);
  }
  return { abandoned, failure };
}

function addAll(to: Map<string, Vector | AppError>, from: ReadonlyMap<string, Vector | AppError>): void {
  for (const [key, value] of from) to.set(key, value);
}
