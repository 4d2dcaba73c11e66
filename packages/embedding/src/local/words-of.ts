/** Anything but ASCII sends a text the slow way. */
const beyondAscii = /[^\p{ASCII}]/u;
/** Accents over Latin, Greek and Cyrillic letters; the marks of other scripts are letters of theirs. */
const accents = /[\u0300-\u036f]/g;
const asciiWord = /[A-Za-z0-9]+/g;
/** Runs of scripts that put no spaces between words, or words of any other script. */
const anyWord =
  /[\p{scx=Han}\p{scx=Hiragana}\p{scx=Katakana}\p{scx=Thai}\p{scx=Lao}\p{scx=Khmer}\p{scx=Myanmar}]+|[\p{L}\p{M}\p{N}]+/gu;
const spaceless = /^[\p{scx=Han}\p{scx=Hiragana}\p{scx=Katakana}\p{scx=Thai}\p{scx=Lao}\p{scx=Khmer}\p{scx=Myanmar}]/u;
/** Between the words of `camelCase` and `HTMLParser`. */
const hump = /(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])/;
/** A longer run of letters is no word: its first part stands for it. */
const maxWordLength = 64;

/**
 * The words of a text in their order, in lower case, compatible forms made one (NFKC) and accents dropped. Scripts
 * without spaces give overlapping pairs of characters; `camelCase` gives the whole and its parts.
 */
export function wordsOf(text: string): readonly string[] {
  const words: string[] = [];
  if (!beyondAscii.test(text)) {
    for (const match of text.match(asciiWord) ?? []) addWord(words, match);
    return words;
  }
  const folded = text.normalize("NFKD").replace(accents, "").normalize("NFKC").replaceAll("ß", "ss");
  for (const match of folded.match(anyWord) ?? []) {
    if (spaceless.test(match)) addPairs(words, match.toLowerCase());
    else addWord(words, match);
  }
  return words;
}

function addWord(words: string[], word: string): void {
  const bounded = word.length > maxWordLength ? word.slice(0, maxWordLength) : word;
  words.push(bounded.toLowerCase());
  if (!hasHump(bounded)) return;
  for (const part of bounded.split(hump)) words.push(part.toLowerCase());
}

/** True for a capital letter that is not the first, next to a small one: what {@link hump} would find, but cheaper. */
function hasHump(word: string): boolean {
  let wasSmall = false;
  let capitals = 0;
  for (let i = 0; i < word.length; i++) {
    const code = word.charCodeAt(i);
    const isCapital = code >= 65 && code <= 90;
    if (isCapital && wasSmall) return true;
    if (!isCapital && capitals > 1) return true;
    capitals = isCapital ? capitals + 1 : 0;
    wasSmall = !isCapital;
  }
  return false;
}

function addPairs(words: string[], run: string): void {
  const characters = Array.from(run);
  if (characters.length === 1) words.push(run);
  for (let i = 1; i < characters.length; i++) words.push(`${characters[i - 1]}${characters[i]}`);
}
