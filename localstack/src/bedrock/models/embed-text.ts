/** What a vector of the stand-in depends on. */
export interface EmbedOptions {
  /** Vectors of different models are unrelated. */
  readonly modelId: string;
  readonly dimensions: number;
  /** A query's vector is a little off its document's, where a model makes that difference. */
  readonly purpose?: string | undefined;
  /** Default 1. */
  readonly length?: number | undefined;
}

const wordPattern = /[\p{L}\p{N}]+/gu;
const wordWeight = 1;
const pairWeight = 0.5;
const trigramWeight = 0.2;
const purposeWeight = 0.3;
/** Long texts are as their beginning is: what they cost has a bound. */
const maxWords = 4_000;

/**
 * The same vector for the same text at all times: words, pairs of them and their trigrams, hashed into `dimensions` places
 * with a sign, seeded by the model. Texts that share words are near, others at right angles. No real model does this.
 */
export function embedText(text: string, { modelId, dimensions, purpose, length = 1 }: EmbedOptions): number[] {
  const seed = hash(modelId, 0x811c9dc5);
  const sums = new Float64Array(dimensions);
  function add(feature: string, weight: number): void {
    const hashed = hash(feature, seed);
    const place = hashed % dimensions;
    sums[place] = (sums[place] ?? 0) + (hashed >>> 31 === 0 ? weight : -weight);
  }
  // so that a text without a word has a vector too
  add(`purpose ${purpose ?? ""}`, purposeWeight);
  let before = "";
  for (const word of wordsOf(text)) {
    add(word, wordWeight);
    add(`${before} ${word}`, pairWeight);
    for (let at = 0; at + 3 <= word.length; at++) add(`~${word.slice(at, at + 3)}`, trigramWeight);
    before = word;
  }
  return toLength(sums, length);
}

function* wordsOf(text: string): Generator<string> {
  let count = 0;
  for (const [word] of text.toLowerCase().matchAll(wordPattern)) {
    if (count++ === maxWords) return;
    yield word;
  }
}

/** Seven digits are what a float of 32 bits holds. */
const precision = 1e7;

function toLength(sums: Float64Array, length: number): number[] {
  let squares = 0;
  for (const sum of sums) squares += sum * sum;
  const scale = (precision * length) / (Math.sqrt(squares) || 1);
  return Array.from(sums, (sum) => Math.round(sum * scale) / precision);
}

/** FNV-1a of the UTF-16 units, with the end mixed as murmur does: short features would crowd in few places. */
function hash(text: string, seed: number): number {
  let value = seed;
  for (let at = 0; at < text.length; at++) value = Math.imul(value ^ text.charCodeAt(at), 0x01000193);
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35);
  return (value ^ (value >>> 16)) >>> 0;
}
