import { isContentWord, toWords } from "./words.ts";

export interface Summary {
  readonly summary: string;
  readonly sentences: readonly string[];
  readonly sentenceCount: number;
}

/**
 * Picks the sentences that say most, in the order of the text: a sentence scores the mean frequency of its content
 * words, a little more near the beginning, and less when it is a mere fragment.
 */
export function summarize(text: string, maxSentences: number): Summary {
  const sentences = splitSentences(text);
  const wordsOf = sentences.map((sentence) => toWords(sentence).filter(isContentWord));
  const counts = new Map<string, number>();
  for (const word of wordsOf.flat()) counts.set(word, (counts.get(word) ?? 0) + 1);
  const scored = sentences.map((sentence, index) => {
    const words = wordsOf[index] ?? [];
    const frequency = words.reduce((sum, word) => sum + (counts.get(word) ?? 0), 0) / Math.max(words.length, 4);
    const position = 1 + 0.5 * (1 - index / sentences.length);
    return { sentence, index, score: frequency * position };
  });
  const best = scored.sort((a, b) => b.score - a.score || a.index - b.index).slice(0, maxSentences);
  const chosen = best.sort((a, b) => a.index - b.index).map(({ sentence }) => sentence);
  return { summary: chosen.join(" "), sentences: chosen, sentenceCount: sentences.length };
}

/** Sentences of prose; an empty line, a heading and a list item end one too. */
function splitSentences(text: string): string[] {
  const segmenter = new Intl.Segmenter("en", { granularity: "sentence" });
  return (
    text
      .replaceAll("\r\n", "\n")
      .replace(/^(#+ .*)$/gm, "$1\n")
      // tables and fenced code are no prose
      .replace(/^```[\s\S]*?^```|^\|.*$/gm, "\n\n")
      .split(/\n\s*\n|\n(?=\s*(?:[-*#>]|\d+\.)\s)/)
      // a line break within a block ends no sentence
      .map((block) =>
        block
          .replace(/^\s*(?:[-*>]|#+|\d+\.)\s+/, "")
          .replace(/\s+/g, " ")
          .trim(),
      )
      .flatMap((block) => [...segmenter.segment(block)].map(({ segment }) => segment.trim()))
      .filter((sentence) => toWords(sentence).length > 2)
  );
}
