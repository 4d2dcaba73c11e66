/** FNV-1a's basis and prime, over UTF-16 units. */
const basis = 0x811c9dc5;
const prime = 0x01000193;

/** What features are of, so that a word and a piece with the same letters are two. */
export const featureSeeds = { word: basis, pair: basis ^ 0x5bd1e995, piece: basis ^ 0x27d4eb2f } as const;

/** A 32-bit hash of `text[start, end)`, to be spread by {@link addFeature}. */
export function hashText(seed: number, text: string, start = 0, end: number = text.length): number {
  let hash = seed;
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ text.charCodeAt(i), prime);
  return hash;
}

/**
 * Adds a feature where its hash says, with the sign that its hash says, so that the collisions of many features cancel
 * out instead of adding up. `sums` is of a power of two.
 *
 * @see Weinberger et al., "Feature Hashing for Large Scale Multitask Learning", ICML 2009
 */
export function addFeature(sums: Float64Array, hash: number, weight: number): void {
  // murmur3's finaliser: FNV alone leaves the low bits of short texts alike
  let spread = hash ^ (hash >>> 16);
  spread = Math.imul(spread, 0x85ebca6b);
  spread ^= spread >>> 13;
  spread = Math.imul(spread, 0xc2b2ae35);
  spread ^= spread >>> 16;
  const at = spread & (sums.length - 1);
  sums[at] = (sums[at] ?? 0) + (spread < 0 ? -weight : weight);
}
