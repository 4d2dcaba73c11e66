import type { Chunk, Chunking } from "@devmesh/models";
import { countTokens } from "./count-tokens.ts";
import { cutCode } from "./cut-code.ts";
import { cutMarkdown } from "./cut-markdown.ts";
import { cutText } from "./cut-text.ts";
import { modeOf } from "./mode-of.ts";
import { packPieces } from "./pack-pieces.ts";
import type { Block, Piece, PieceLimits } from "./piece.ts";
import { piecesOfBlock } from "./pieces-of-block.ts";

/**
 * What a token may take where nothing else is said. Cohere's v3 models read 512 tokens and 2,048 characters, fewer than any
 * other: chunks of as many tokens as they read are never longer than they read.
 */
const charactersPerToken = 4;
/** Shorter chunks may use them all: code and tables have many characters a token. */
const leastMaxCharacters = 2_048;

/** How a document is cut. */
export interface CutOptions extends Chunking {
  readonly mediaType: string | undefined;
  /** Its ending tells what the document is, where the media type doesn't. */
  readonly externalId: string;
  /** UTF-16 units; at least 8. Where absent, 4 a token of `maxTokens`, and 2,048 at least. */
  readonly maxCharacters?: number | undefined;
}

/**
 * Cuts a document into chunks of at most `maxTokens` tokens (see `countTokens`) and `maxCharacters`, in its order. A
 * chunk's content is exactly `content.slice(start, end)`; together they hold everything that is not white space.
 *
 * Markdown is cut at headings, then between paragraphs, items and sentences; blocks of code and tables stay whole where
 * they fit. Text is cut between paragraphs and sentences, code where an empty line stands before one without indentation.
 * What has no such place is cut between words, and a word that is too long anywhere but inside a surrogate pair. A chunk
 * begins with up to `overlapTokens` of the one before it, in whole sentences or lines, never over a heading. Blank content
 * has no chunks. Time is linear in the length.
 */
export function cutIntoChunks(content: string, options: CutOptions): readonly Chunk[] {
  const usual = Math.max(leastMaxCharacters, charactersPerToken * options.maxTokens);
  const limits = { ...options, maxCharacters: options.maxCharacters ?? usual };
  const pieces = piecesOf(content, blocksOf(content, options), limits);
  return packPieces(content, pieces, limits).map(({ from, to }, ordinal) => {
    const start = pieces[from]?.start ?? 0;
    const end = pieces[to - 1]?.end ?? start;
    const text = content.slice(start, end);
    return { ordinal, content: text, start, end, heading: headingOf(pieces, from, to), tokens: countTokens(text) };
  });
}

function blocksOf(content: string, options: CutOptions): readonly Block[] {
  switch (modeOf(options)) {
    case "markdown":
      return cutMarkdown(content);
    case "text":
      return cutText(content);
    case "code":
      return cutCode(content);
  }
}

function piecesOf(content: string, blocks: readonly Block[], limits: PieceLimits): readonly Piece[] {
  return blocks.flatMap((block, number) => Array.from(piecesOfBlock(content, block, limits, number)));
}

/** That of the first piece which is no heading itself: a title and its first section are the section's. */
function headingOf(pieces: readonly Piece[], from: number, to: number): string | undefined {
  for (let at = from; at < to; at++) if (pieces[at]?.isHeading === false) return pieces[at]?.heading;
  return pieces[from]?.heading;
}
