import type { Vector } from "@devmesh/models";
import { cutMarkdown } from "../chunking/cut-markdown.ts";
import { piecesOfBlock } from "../chunking/pieces-of-block.ts";
import { embedLocally } from "../local/embed-locally.ts";

/** What is looked at: reading on would hold up the thread, and changes little. */
const maxCharactersRead = 200_000;
const maxSentences = 800;
/** Shorter ones say little by themselves, longer ones fill the summary. */
const minLength = 30;
const maxLength = 400;
/** A sentence nearer than this to one that was taken says the same. */
const sameAbove = 0.7;
/** How much more the first sentence of a text counts than the last: texts say early what they are about. */
const earlyBonus = 0.15;

interface Sentence {
  readonly at: number;
  readonly text: string;
  readonly vector: Vector;
  readonly score: number;
}

/**
 * The sentences of a text that are nearest to all of it, in their order, at most `maxCharacters` together; no two that
 * say the same. Headings, code and tables are left out. Where there is no sentence, the text's beginning.
 *
 * Nearness is that of the local model's vectors: rare words that a text repeats make a sentence telling.
 */
export function extractSummary(text: string, maxCharacters: number): string {
  const chosen: Sentence[] = [];
  let length = 0;
  for (const sentence of scored(sentencesOf(text))) {
    if (length + sentence.text.length + 1 > maxCharacters) continue;
    if (chosen.some((other) => nearness(other.vector, sentence.vector) > sameAbove)) continue;
    chosen.push(sentence);
    length += sentence.text.length + 1;
  }
  if (chosen.length === 0) return text.trim().slice(0, maxCharacters).toWellFormed().replace(/\s+/g, " ").trim();
  return chosen
    .toSorted((a, b) => a.at - b.at)
    .map((sentence) => sentence.text)
    .join(" ");
}

function sentencesOf(text: string): readonly string[] {
  const content = text.slice(0, maxCharactersRead).toWellFormed();
  const sentences: string[] = [];
  const limits = { maxTokens: Number.POSITIVE_INFINITY, maxCharacters: Number.POSITIVE_INFINITY };
  for (const block of cutMarkdown(content)) {
    if (block.kind !== "prose") continue;
    for (const { start, end } of piecesOfBlock(content, block, limits, 0)) {
      const sentence = content
        .slice(start, end)
        .replace(/^[\s>*+-]+|^\d+[.)]\s/, "")
        .replace(/\s+/g, " ");
      if (sentence.length >= minLength && sentence.length <= maxLength) sentences.push(sentence);
      if (sentences.length === maxSentences) return sentences;
    }
  }
  return sentences;
}

/** Best first. */
function scored(texts: readonly string[]): readonly Sentence[] {
  const vectors = embedLocally(texts, 256);
  const centre = new Float32Array(256);
  for (const vector of vectors) for (let i = 0; i < 256; i++) centre[i] = (centre[i] ?? 0) + (vector[i] ?? 0);
  const length = Math.hypot(...centre) || 1;
  return texts
    .flatMap((text, at) => {
      const vector = vectors[at];
      if (vector === undefined) return [];
      const score = nearness(vector, centre) / length + earlyBonus * (1 - at / texts.length);
      return [{ at, text, vector, score }];
    })
    .toSorted((a, b) => b.score - a.score);
}

function nearness(a: Vector, b: Vector): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] ?? 0) * (b[i] ?? 0);
  return sum;
}
