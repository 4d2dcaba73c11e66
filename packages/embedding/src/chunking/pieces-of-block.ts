import { countTokens } from "./count-tokens.ts";
import { linesOf } from "./lines-of.ts";
import { type Block, type Cut, cuts, type Piece, type PieceLimits } from "./piece.ts";

/** UAX #29, a part of the runtime: 1 MiB of prose takes some 50 ms. */
const sentences = new Intl.Segmenter("en", { granularity: "sentence" });

interface Part {
  readonly start: number;
  readonly end: number;
  readonly cut: Cut;
}

/**
 * The sentences of prose, the lines of code and tables; what is too long is cut on, by lines, by words, and at last
 * anywhere but inside a character. `whole` is the number that a block of lines gets. None is blank.
 */
export function* piecesOfBlock(content: string, block: Block, limits: PieceLimits, whole: number): Iterable<Piece> {
  const isLines = block.kind === "lines";
  let isFirst = true;
  for (const part of isLines ? partsByLine(content, block) : partsBySentence(content, block)) {
    for (const fitting of fittingParts(content, part, limits)) {
      const { start, end } = withoutBlanks(content, fitting, isLines);
      if (start >= end) continue;
      yield {
        start,
        end,
        cut: isFirst ? block.cut : fitting.cut,
        heading: block.heading,
        isHeading: block.kind === "heading",
        whole: isLines ? whole : undefined,
      };
      isFirst = false;
    }
  }
}

/** A shorter paragraph, and most items and headings, is not worth a look for where its sentences end. */
const shortParagraph = 64;

function* partsBySentence(content: string, block: Block): Iterable<Part> {
  if (block.kind === "heading" || block.end - block.start < shortParagraph) {
    yield { start: block.start, end: block.end, cut: cuts.sentence };
    return;
  }
  // a line's end inside a paragraph ends no sentence
  const text = content.slice(block.start, block.end).replace(/[\r\n]/g, " ");
  for (const { index, segment } of sentences.segment(text)) {
    const start = block.start + index;
    yield { start, end: start + segment.length, cut: cuts.sentence };
  }
}

/** A line after an empty one is a better place for a cut, and better still where it is not indented. */
function* partsByLine(content: string, block: Block): Iterable<Part> {
  let isAfterBlank = false;
  for (const line of linesOf(content.slice(block.start, block.end))) {
    const start = block.start + line.start;
    const end = block.start + line.end;
    const isBlank = content.slice(start, end).trim() === "";
    if (!isBlank) yield { start, end, cut: isAfterBlank ? cutAt(content, start) : cuts.sentence };
    isAfterBlank = isBlank;
  }
}

function cutAt(content: string, start: number): Cut {
  return /[\s)}\]]/.test(content[start] ?? "") ? cuts.item : cuts.block;
}

function* fittingParts(content: string, part: Part, limits: PieceLimits): Iterable<Part> {
  if (fits(content, part, limits)) yield part;
  else yield* splitByWords(content, part, limits);
}

function fits(content: string, { start, end }: Part, limits: PieceLimits): boolean {
  return end - start <= limits.maxCharacters && countTokens(content.slice(start, end)) <= limits.maxTokens;
}

/** As many words together as a quarter of the limit, so that an overlap finds pieces that are small enough. */
function* splitByWords(content: string, part: Part, limits: PieceLimits): Iterable<Part> {
  const small = { maxTokens: limits.maxTokens / 4, maxCharacters: limits.maxCharacters / 4 };
  let open: { start: number; end: number; tokens: number } | undefined;
  for (const match of content.slice(part.start, part.end).matchAll(/\S+\s*/g)) {
    const start = part.start + match.index;
    const end = start + match[0].length;
    const tokens = match[0].length > small.maxCharacters ? Number.POSITIVE_INFINITY : countTokens(match[0]);
    if (open !== undefined && open.tokens + tokens <= small.maxTokens && end - open.start <= small.maxCharacters) {
      open = { start: open.start, end, tokens: open.tokens + tokens };
      continue;
    }
    if (open !== undefined) yield { ...open, cut: cuts.anywhere };
    open = undefined;
    if (tokens <= small.maxTokens) open = { start, end, tokens };
    else yield* splitHard(content, start, start + match[0].trimEnd().length, small);
  }
  if (open !== undefined) yield { ...open, cut: cuts.anywhere };
}

/** A word that is too long. No count of ours gives a character more than 3 tokens. */
function* splitHard(content: string, from: number, to: number, limits: PieceLimits): Iterable<Part> {
  const length = Math.max(2, Math.min(limits.maxCharacters, limits.maxTokens / 1.5) | 0);
  for (let start = from; start < to; ) {
    let end = Math.min(to, start + length);
    if (end < to && isInsidePair(content, end)) end--;
    yield { start, end, cut: cuts.anywhere };
    start = end;
  }
}

function isInsidePair(content: string, at: number): boolean {
  return (content.charCodeAt(at) & 0xfc00) === 0xdc00 && (content.charCodeAt(at - 1) & 0xfc00) === 0xd800;
}

/** Code keeps the indentation of its first line. */
function withoutBlanks(content: string, part: Part, isLines: boolean): { start: number; end: number } {
  const text = content.slice(part.start, part.end);
  const start = isLines && part.cut !== cuts.anywhere ? 0 : text.length - text.trimStart().length;
  return { start: part.start + start, end: part.start + text.trimEnd().length };
}
