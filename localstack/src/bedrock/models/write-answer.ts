import { countTokens } from "../count-tokens.ts";

/** What a model is asked to write from. */
export interface WritingTask {
  /** The document: what was marked for the cache, or else the prompt itself. */
  readonly document: string;
  readonly prompt: string;
  readonly maxTokens: number;
}

/** What a prompt puts its document between. */
const tagPattern = /<\/?[\w-]+>/g;
const sentencePattern = /[^.!?\n]+[.!?]*/g;
const wordPattern = /[\p{L}\p{N}]{3,}/gu;
const maxSentences = 2_000;
const maxTitleLength = 120;

/**
 * Writes what a model might, out of the document's own words: its title, and the two sentences that say most of what the
 * prompt is about, in their order. The same task gets the same text.
 */
export function writeAnswer({ document, prompt, maxTokens }: WritingTask): {
  readonly text: string;
  readonly isCut: boolean;
} {
  const sentences = [...document.replaceAll(tagPattern, "\n").matchAll(sentencePattern)]
    .slice(0, maxSentences)
    .map(([sentence]) =>
      sentence
        .replaceAll(/[#*`<>|]+/g, " ")
        .replaceAll(/\s+/g, " ")
        .trim(),
    )
    .filter((sentence) => sentence.length > 2);
  const [title = "a document without words"] = sentences;
  const wanted = new Set(wordsOf(prompt));
  const best = sentences
    .slice(1)
    .map((sentence, at) => ({ sentence, at, score: scoreOf(sentence, wanted) }))
    .toSorted((one, other) => other.score - one.score || one.at - other.at)
    .slice(0, 2)
    .toSorted((one, other) => one.at - other.at);
  const text = [`From ${title.slice(0, maxTitleLength)}:`, ...best.map(({ sentence }) => sentence)].join(" ");
  return cutToTokens(text, maxTokens);
}

/** The share of its words that are wanted; long sentences say more. */
function scoreOf(sentence: string, wanted: ReadonlySet<string>): number {
  const words = wordsOf(sentence);
  if (words.length === 0) return 0;
  return words.filter((word) => wanted.has(word)).length / Math.sqrt(words.length);
}

function wordsOf(text: string): string[] {
  return Array.from(text.toLowerCase().matchAll(wordPattern), ([word]) => word);
}

function cutToTokens(text: string, maxTokens: number): { readonly text: string; readonly isCut: boolean } {
  const words = text.split(" ");
  let tokens = 0;
  const end = words.findIndex((word) => {
    tokens += countTokens(word);
    return tokens > maxTokens;
  });
  return end === -1 ? { text, isCut: false } : { text: words.slice(0, Math.max(1, end)).join(" "), isCut: true };
}
