/** A text as a model sees it: as many numbers as the model has dimensions. */
export type Vector = Float32Array;

/** How near two vectors are. `dot` is the inner product: for vectors of unit length the same order as `cosine`. */
export const distances = ["cosine", "dot", "l2"] as const;
/** One of {@link distances}. */
export type Distance = (typeof distances)[number];

/** How vectors are kept: 4 bytes a dimension and at most 2,000 of them, or 2 bytes and at most 4,000. */
export const vectorStorages = ["vector", "halfvec"] as const;
/** One of {@link vectorStorages}. */
export type VectorStorage = (typeof vectorStorages)[number];

/** All dimensions that a model of the catalogue gives: an index names its own in its type. */
export const vectorDimensions = [256, 384, 512, 1024, 1536, 3072] as const;
/** One of {@link vectorDimensions}. */
export type Dimensions = (typeof vectorDimensions)[number];

/** Some models embed what is searched for otherwise than what is found. */
export type EmbeddingPurpose = "document" | "query";

/** True for a number that is one of {@link vectorDimensions}. */
export function isDimensions(value: number): value is Dimensions {
  return vectorDimensions.some((dimensions) => dimensions === value);
}
