import type { Vector } from "@devmesh/models";

/** How vectors lie: in clusters, as those of texts do, or anywhere, which no index can help with. */
export type Shape = "clustered" | "uniform";

/** Of clusters: a centre, and points around it whose cosine to it is about 0.77 (1 / √(1 + spread²)). */
const clusters = 1_000;
const spread = 0.83;

/** Gives the next vector of unit length. */
export type NextVector = () => Vector;

/**
 * Vectors from a seed, the same every time. Clustered: 1,000 centres, each of 1,024 normal numbers; a vector is a random
 * centre of unit length plus normal noise of length 0.83, so that two of a cluster have a cosine of about 0.6, and two of
 * different ones about 0. Uniform: normal numbers alone.
 */
export function vectorsFrom(shape: Shape, dimensions: number, seed: number): NextVector {
  const random = mulberry32(seed);
  const normal = (): Float32Array => Float32Array.from({ length: dimensions }, () => nextNormal(random));
  if (shape === "uniform") return () => unit(normal());
  const centres = Array.from({ length: clusters }, () => unit(normal()));
  return () => {
    const centre = centres[Math.floor(random() * clusters)];
    const noise = unit(normal());
    return unit(noise.map((one, index) => one * spread + (centre?.[index] ?? 0)));
  };
}

/** The nearest by cosine among vectors of unit length: their places, nearest first. */
export function nearestOf(vectors: readonly Vector[], query: Vector, count: number, passes = (_place: number) => true) {
  const best: { place: number; score: number }[] = [];
  for (const [place, vector] of vectors.entries()) {
    if (!passes(place)) continue;
    const score = dot(vector, query);
    if (best.length === count && score <= (best[count - 1]?.score ?? 0)) continue;
    const at = best.findIndex((one) => one.score < score);
    best.splice(at < 0 ? best.length : at, 0, { place, score });
    if (best.length > count) best.pop();
  }
  return best.map(({ place }) => place);
}

function dot(a: Vector, b: Vector): number {
  let sum = 0;
  for (let index = 0; index < a.length; index++) sum += (a[index] as number) * (b[index] as number);
  return sum;
}

function unit(vector: Float32Array): Float32Array {
  const length = Math.sqrt(dot(vector, vector));
  return vector.map((one) => one / length);
}

function nextNormal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

/** @see https://gist.github.com/tommyettinger/46a874533244883189143505d203312c */
function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}
