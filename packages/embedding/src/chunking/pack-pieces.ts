import { countTokens } from "./count-tokens.ts";
import { type Cut, cuts, type Piece } from "./piece.ts";

/** Pieces `[from, to)` that become one chunk. */
export interface Packed {
  readonly from: number;
  readonly to: number;
}

/** What a chunk may be at most, and how much of the one before it may stand in it again. */
export interface PackLimits {
  readonly maxTokens: number;
  readonly maxCharacters: number;
  readonly overlapTokens: number;
}

/** A chunk of less than this share of the limit goes on into the next section. */
const smallShare = 1 / 8;

/**
 * Puts pieces together to chunks that are as full as the limits allow, cut at the best place in their second half. A new
 * section begins a chunk. Every piece is in one, most in one only. Pieces must fit by themselves.
 */
export function packPieces(content: string, pieces: readonly Piece[], limits: PackLimits): readonly Packed[] {
  const measure = measurePieces(content, pieces);
  const wholes = lastOfWholes(pieces);
  const fits = (from: number, to: number): boolean =>
    measure.tokens(from, to) <= limits.maxTokens && measure.characters(from, to) <= limits.maxCharacters;

  const chunks: Packed[] = [];
  let from = 0;
  let fresh = 0;
  while (fresh < pieces.length) {
    const to = endOf(fresh);
    chunks.push({ from, to });
    from = startAfter(to);
    fresh = to;
  }
  return chunks;

  /** Where the chunk ends that begins at `from` and has its first new piece at `first`. */
  function endOf(first: number): number {
    let to = first + 1;
    while (to < pieces.length && fits(from, to + 1) && !beginsSection(to)) to++;
    if (to === pieces.length || beginsSection(to)) return to;
    return bestCut(first, to);
  }

  function beginsSection(at: number): boolean {
    if (pieces[at]?.cut !== cuts.section) return false;
    return pieces[at - 1]?.isHeading !== true && measure.tokens(from, at) >= limits.maxTokens * smallShare;
  }

  function bestCut(first: number, last: number): number {
    const half = measure.tokens(from, last) / 2;
    let best = last;
    let worth: Cut | -1 = -1;
    for (let at = last; at > first && (worth === -1 || measure.tokens(from, at) >= half); at--) {
      const cut = worthAt(at);
      if (cut > worth) [best, worth] = [at, cut];
    }
    return best;
  }

  /** Not behind a heading, and not in a block that fits into a chunk of its own. */
  function worthAt(at: number): Cut | -1 {
    const piece = pieces[at];
    if (piece === undefined || pieces[at - 1]?.isHeading === true) return -1;
    const whole = piece.whole;
    if (whole === undefined || pieces[at - 1]?.whole !== whole) return piece.cut;
    const { first, last } = wholes.get(whole) ?? { first: at, last: at };
    return fits(first, last) ? -1 : piece.cut;
  }

  /** Where the chunk after one that ended at `to` begins: so far back as overlap and what must follow allow. */
  function startAfter(to: number): number {
    const next = pieces[to];
    if (next === undefined || next.cut === cuts.section) return to;
    const block = next.whole === undefined ? undefined : wholes.get(next.whole);
    const until = block !== undefined && block.first === to && fits(to, block.last) ? block.last : to + 1;
    let start = to;
    while (start - 1 > from && mayRepeat(start - 1, next) && fits(start - 1, until)) {
      if (measure.tokens(start - 1, to) > limits.overlapTokens) break;
      start--;
    }
    return start;
  }

  function mayRepeat(at: number, next: Piece): boolean {
    const whole = pieces[at]?.whole;
    return whole === undefined || whole === next.whole;
  }
}

interface Measure {
  /** Tokens and UTF-16 units of pieces `[from, to)` with what stands between them. */
  tokens(from: number, to: number): number;
  characters(from: number, to: number): number;
}

function measurePieces(content: string, pieces: readonly Piece[]): Measure {
  const own = new Float64Array(pieces.length);
  const before = new Float64Array(pieces.length + 1);
  pieces.forEach((piece, i) => {
    own[i] = countTokens(content.slice(piece.start, piece.end));
    const gap = content.slice(piece.end, pieces[i + 1]?.start ?? piece.end);
    before[i + 1] = (before[i] ?? 0) + (own[i] ?? 0) + countTokens(gap);
  });
  return {
    tokens: (from, to) => (before[to - 1] ?? 0) - (before[from] ?? 0) + (own[to - 1] ?? 0),
    characters: (from, to) => (pieces[to - 1]?.end ?? 0) - (pieces[from]?.start ?? 0),
  };
}

function lastOfWholes(
  pieces: readonly Piece[],
): ReadonlyMap<number, { readonly first: number; readonly last: number }> {
  const ranges = new Map<number, { readonly first: number; readonly last: number }>();
  pieces.forEach(({ whole }, i) => {
    if (whole !== undefined) ranges.set(whole, { first: ranges.get(whole)?.first ?? i, last: i + 1 });
  });
  return ranges;
}
