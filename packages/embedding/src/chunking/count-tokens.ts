/** Letters of one case run together as a token of about so many. */
const lettersPerToken = 5;

/**
 * An estimate of how many tokens a model sees in a text, without the model's vocabulary, in one pass.
 *
 * CALIBRATION
 * What is joined never counts more than its parts: `countTokens(a + b) <= countTokens(a) + countTokens(b)`.
 */
export function countTokens(text: string): number {
  let tokens = 0;
  let before = blank;
  let run = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    const kind = kindOf(code);
    run = goesOn(before, kind) ? run + 1 : 0;
    tokens += costOf(kind, run, i === 0 ? -1 : text.charCodeAt(i - 1), code);
    before = kind;
  }
  return Math.ceil(tokens);
}

const [blank, small, capital, digit, mark, accented, ideograph, syllable, other] = [0, 1, 2, 3, 4, 5, 6, 7, 8];
type Kind = number;

const asciiKinds: readonly Kind[] = Array.from({ length: 128 }, (_, code) => asciiKind(code));

function asciiKind(code: number): Kind {
  if (code <= 32 || code === 127) return blank;
  if (code >= 48 && code <= 57) return digit;
  if (code >= 65 && code <= 90) return capital;
  return code >= 97 && code <= 122 ? small : mark;
}

function kindOf(code: number): Kind {
  if (code < 128) return asciiKinds[code] ?? other;
  if (code < 0x590) return code < 0xc0 ? mark : accented;
  if (code < 0x2000) return syllable;
  if (code < 0x2070) return mark;
  return (code >= 0x3040 && code < 0xa000) || (code >= 0xac00 && code < 0xd7a4) ? ideograph : other;
}

/** A capital goes on into small letters, not the other way: `parseFrame` is two runs, `Frame` is one. */
function goesOn(before: Kind, kind: Kind): boolean {
  return before === kind || (before === capital && kind === small);
}

/** Of one UTF-16 unit; `run` is how many of its run stand before it. */
function costOf(kind: Kind, run: number, before: number, code: number): number {
  if (kind === small || kind === capital) return run % lettersPerToken === 0 ? 1 : 0;
  if (kind === digit) return run % 2 === 0 ? 1 : 0;
  if (kind === mark) return before === code ? 0.5 : 1;
  if (kind === blank) return blankCost(run, before, code);
  if (kind === accented) return 0.6;
  return kind === ideograph ? 1.25 : 1.5;
}

/** One space is a part of the word behind it. */
function blankCost(run: number, before: number, code: number): number {
  if (code === 10) return before === 10 ? 0.25 : 1;
  return run === 0 && before !== -1 ? 0 : 0.25;
}
