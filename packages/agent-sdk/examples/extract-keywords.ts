import { isContentWord, toWords } from "./words.ts";

export interface Keyword {
  readonly phrase: string;
  readonly score: number;
  readonly count: number;
}

/** Longer runs of content words are lists or code rather than terms. */
const maxPhraseWords = 4;

/**
 * Finds the terms of a text by RAKE: phrases are runs of content words between stop words and punctuation, a word scores
 * its degree ÷ its frequency, a phrase the sum of its words', here times how often it occurs. Best first.
 *
 * @see Rose et al., "Automatic keyword extraction from individual documents", 2010
 */
export function extractKeywords(text: string, limit: number): Keyword[] {
  const phrases = splitPhrases(text);
  const frequency = new Map<string, number>();
  const degree = new Map<string, number>();
  const counts = new Map<string, { readonly words: readonly string[]; count: number }>();
  for (const words of phrases) {
    for (const word of words) {
      frequency.set(word, (frequency.get(word) ?? 0) + 1);
      degree.set(word, (degree.get(word) ?? 0) + words.length);
    }
    const phrase = words.join(" ");
    const known = counts.get(phrase);
    if (known === undefined) counts.set(phrase, { words, count: 1 });
    else known.count += 1;
  }
  const keywords = [...counts].map(([phrase, { words, count }]) => {
    const sum = words.reduce((total, word) => total + (degree.get(word) ?? 0) / (frequency.get(word) ?? 1), 0);
    return { phrase, count, score: Math.round(sum * count * 100) / 100 };
  });
  return keywords.sort((a, b) => b.score - a.score || a.phrase.localeCompare(b.phrase)).slice(0, limit);
}

function splitPhrases(text: string): string[][] {
  const phrases: string[][] = [];
  for (const fragment of text.split(/[^\p{L}\p{N}\s'’-]+|\n\s*\n|\s-+\s/u)) {
    let phrase: string[] = [];
    for (const word of [...toWords(fragment), ""]) {
      if (isContentWord(word)) {
        phrase.push(word);
        continue;
      }
      if (phrase.length > 0 && phrase.length <= maxPhraseWords) phrases.push(phrase);
      phrase = [];
    }
  }
  return phrases;
}
