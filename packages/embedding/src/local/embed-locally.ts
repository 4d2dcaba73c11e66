import type { Vector } from "@devmesh/models";
import { addFeature, featureSeeds, hashText } from "./hash-features.ts";
import { stem } from "./stem.ts";
import { wordWeight } from "./word-weight.ts";
import { wordsOf } from "./words-of.ts";

/** What the local model gives. */
export type LocalDimensions = 256 | 512 | 1024;

/**
 * How much of a word's weight goes to the word itself, to its pieces of three to five letters, and to its pair with the next word.
 * Pieces count most: what whole words find, full text finds better. Chosen by the tuning questions of `benchmarks/corpus`.
 */
const wordShare = 0.3;
const pieceShare = 1;
const pairShare = 0.1;
const shortestPiece = 3;
const longestPiece = 5;

/**
 * Vectors of unit length, one a text, by feature hashing: words, pairs of neighbours and pieces of words, each with a
 * sign, weighted by how rare a word is in English and by the logarithm of how often the text has it.
 *
 * They are lexical, not semantic: texts are near that share words, or words with a common part; `car` and `automobile`
 * are strangers. The same text gives the same vector on every machine, whatever else there is. A text without any word
 * gives a vector of its characters. Runs on the calling thread: give it a few texts at a time.
 *
 * @see docs/decisions/022-local-provider.md
 */
export function embedLocally(texts: readonly string[], dimensions: LocalDimensions): readonly Vector[] {
  return texts.map((text) => embedText(text, dimensions));
}

function embedText(text: string, dimensions: LocalDimensions): Vector {
  const sums = new Float64Array(dimensions);
  const stems = wordsOf(text).map(stem);
  for (const [word, count] of countEach(stems)) addWord(sums, word, damped(count) * wordWeight(word));
  for (const [pair, { count, weight }] of pairsOf(stems)) {
    addFeature(sums, hashText(featureSeeds.pair, pair), damped(count) * weight * pairShare);
  }
  if (stems.length === 0) addPieces(sums, text.trim(), 1);
  return toUnitLength(sums);
}

function damped(count: number): number {
  return 1 + Math.log(count);
}

function countEach(words: readonly string[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  return counts;
}

function addWord(sums: Float64Array, word: string, weight: number): void {
  addFeature(sums, hashText(featureSeeds.word, word), weight * wordShare);
  addPieces(sums, `<${word}>`, weight * pieceShare);
}

/** All pieces of a word together weigh `weight`, however long the word is. */
function addPieces(sums: Float64Array, word: string, weight: number): void {
  let count = 0;
  for (let length = shortestPiece; length <= longestPiece; length++) count += Math.max(0, word.length - length + 1);
  const each = weight / Math.sqrt(Math.max(1, count));
  for (let start = 0; start + shortestPiece <= word.length; start++) {
    // the hash of a longer piece goes on from that of the shorter one
    let hash: number = featureSeeds.piece;
    const end = Math.min(word.length, start + longestPiece);
    for (let at = start; at < end; at++) {
      hash = hashText(hash, word, at, at + 1);
      if (at - start + 1 >= shortestPiece) addFeature(sums, hash, each);
    }
  }
}

function pairsOf(stems: readonly string[]): ReadonlyMap<string, { readonly count: number; readonly weight: number }> {
  const pairs = new Map<string, { count: number; weight: number }>();
  for (let i = 1; i < stems.length; i++) {
    const [first = "", second = ""] = [stems[i - 1], stems[i]];
    const key = `${first} ${second}`;
    const known = pairs.get(key);
    if (known === undefined) pairs.set(key, { count: 1, weight: Math.min(wordWeight(first), wordWeight(second)) });
    else known.count++;
  }
  return pairs;
}

/** Where everything cancelled out, or there was nothing, the first axis: a vector of no length has no direction. */
function toUnitLength(sums: Float64Array): Vector {
  let squares = 0;
  for (const value of sums) squares += value * value;
  const vector = new Float32Array(sums.length);
  if (squares === 0) {
    vector[0] = 1;
    return vector;
  }
  const length = Math.sqrt(squares);
  for (let i = 0; i < sums.length; i++) vector[i] = (sums[i] ?? 0) / length;
  return vector;
}
