const piecePattern = /\p{L}+|\p{N}+|[^\s\p{L}\p{N}]/gu;
/** Letters of a token: 4.7 characters of English with its space, which counts for nothing here. */
const lettersPerToken = 6;

/**
 * The tokens that a text is taken for: a word is one of each six letters begun, every other mark one. Real models count
 * otherwise, each in its own way; this is the same everywhere and near them for English.
 */
export function countTokens(text: string): number {
  let tokens = 0;
  for (const [piece] of text.matchAll(piecePattern)) tokens += Math.ceil(piece.length / lettersPerToken);
  return tokens;
}
