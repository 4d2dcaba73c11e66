import { allModels } from "../catalogue/all-models.ts";

/** How much each method's ranks count in a hybrid search. */
export interface FusionWeights {
  readonly vector: number;
  readonly text: number;
}

/** A model that knows meaning finds what words don't: both count alike. */
const semantic: FusionWeights = { vector: 1, text: 1 };
/**
 * The local model knows words only, and those less well than full text: alike, it pulls the order down (nDCG@10 on the
 * tuning questions of `benchmarks/corpus`: text 0.58, hybrid 0.575), at half the weight it lifts it (0.61).
 */
const lexical: FusionWeights = { vector: 0.5, text: 1 };

/** The weights for collections of a model. */
export function fusionWeightsOf(model: string | undefined): FusionWeights {
  return allModels.find(({ id }) => id === model)?.provider === "local" ? lexical : semantic;
}
