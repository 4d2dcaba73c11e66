import { allModels } from "../catalogue/all-models.ts";
import { fusionK } from "./fuse-by-rank.ts";

/** How the two orders of a hybrid search become one. */
export interface Fusion {
  /** Dampens how much the first ranks stand out. */
  readonly k: number;
  /** How much each method's ranks count. */
  readonly weights: { readonly vector: number; readonly text: number };
}

/** A model that knows meaning finds what words don't: both count alike, with the paper's k. Not measured by us. */
const semantic: Fusion = { k: fusionK, weights: { vector: 1, text: 1 } };
/**
 * The local model knows words and parts of words only, and those less well than full text. Alike and with k 60, what is
 * somewhere in both orders stands before what is first in one, and the order becomes worse than full text's alone. Chosen by
 * the tuning questions of `benchmarks/corpus`.
 */
const lexical: Fusion = { k: 10, weights: { vector: 0.3, text: 1 } };

/** The fusion for collections of a model. */
export function fusionOf(model: string | undefined): Fusion {
  return allModels.find(({ id }) => id === model)?.provider === "local" ? lexical : semantic;
}
