/** How good a place for a cut is, best last. */
export const cuts = { anywhere: 0, sentence: 1, item: 2, block: 3, section: 4 } as const;
/** One of {@link cuts}. */
export type Cut = (typeof cuts)[keyof typeof cuts];

/** The least that a chunk is put together of: a sentence, a line of code, some words of a sentence that is too long. */
export interface Piece {
  readonly start: number;
  /** After its last character that is no white space. */
  readonly end: number;
  /** What a cut right before it is worth. */
  readonly cut: Cut;
  /** Headings that it stands under. */
  readonly heading: string | undefined;
  readonly isHeading: boolean;
  /** A number for each block of code and each table: not cut where it fits, and no source of overlap. */
  readonly whole: number | undefined;
}

/** A part of a document that is cut by one rule. `[start, end)`. */
export interface Block {
  readonly start: number;
  readonly end: number;
  /** `lines` are kept whole where they fit. */
  readonly kind: "prose" | "lines" | "heading";
  readonly cut: Cut;
  readonly heading: string | undefined;
}

/** What a piece may be at most. */
export interface PieceLimits {
  readonly maxTokens: number;
  readonly maxCharacters: number;
}
