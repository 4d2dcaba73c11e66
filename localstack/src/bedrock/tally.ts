/** What a model was asked and how that went. */
export interface ModelTally {
  readonly calls: number;
  /** Of them: answered as they should be. */
  readonly answered: number;
  /** Of them: refused for what they said or how they were signed. */
  readonly refused: number;
  /** Of them: befallen by a fault. */
  readonly faulted: number;
  readonly texts: number;
  readonly tokens: number;
  readonly inFlight: number;
  readonly maxInFlight: number;
}

/** Counts calls by model. */
export interface Tally {
  of(modelId: string): ModelTally;
  all(): Readonly<Record<string, ModelTally>>;
  reset(): void;
  /** Adds what is given; the other counts stay. */
  add(modelId: string, counts: Partial<Omit<ModelTally, "maxInFlight">>): void;
}

const nothing: ModelTally = {
  calls: 0,
  answered: 0,
  refused: 0,
  faulted: 0,
  texts: 0,
  tokens: 0,
  inFlight: 0,
  maxInFlight: 0,
};
/** Names that nobody has are counted too, until they are as many. */
const maxModels = 100;

/** Makes one in which everything is zero. */
export function createTally(): Tally {
  const tallies = new Map<string, ModelTally>();
  return {
    of: (modelId) => tallies.get(modelId) ?? nothing,
    all: () => Object.fromEntries(tallies),
    reset: () => {
      for (const [id, { inFlight }] of tallies) tallies.set(id, { ...nothing, inFlight });
    },
    add: (modelId, counts) => {
      const before = tallies.get(modelId) ?? nothing;
      if (!tallies.has(modelId) && tallies.size >= maxModels) return;
      const inFlight = before.inFlight + (counts.inFlight ?? 0);
      tallies.set(modelId, {
        calls: before.calls + (counts.calls ?? 0),
        answered: before.answered + (counts.answered ?? 0),
        refused: before.refused + (counts.refused ?? 0),
        faulted: before.faulted + (counts.faulted ?? 0),
        texts: before.texts + (counts.texts ?? 0),
        tokens: before.tokens + (counts.tokens ?? 0),
        inFlight,
        maxInFlight: Math.max(before.maxInFlight, inFlight),
      });
    },
  };
}
