/**
 * A word without its English ending: `indexes`, `indexed` and `indexing` are `index`. Light on purpose (plurals, -ed,
 * -ing, -ly, -ment, -ness, -er, -ion): a wrong merge costs more than a missed one, and pieces of words catch what is missed. Words of
 * other languages, and those with other letters than a–z, pass as they are. Expects lower case.
 */
export function stem(word: string): string {
  if (word.length < 4 || !isLatin(word)) return word;
  return withoutDouble(withoutEnding(withoutPlural(word)));
}

function isLatin(word: string): boolean {
  for (let i = 0; i < word.length; i++) {
    const code = word.charCodeAt(i);
    if (code < 97 || code > 122) return false;
  }
  return true;
}

function withoutPlural(word: string): string {
  if (!word.endsWith("s") || word.endsWith("ss") || word.endsWith("us") || word.endsWith("is")) return word;
  if (word.endsWith("ies")) return word.length > 4 ? `${word.slice(0, -3)}y` : word;
  if (/(?:ss|x|ch|sh|zz)es$/.test(word)) return word.slice(0, -2);
  return word.slice(0, -1);
}

/** What is cut off, longest first, and the shortest stem that may remain. */
const endings: readonly (readonly [ending: string, least: number])[] = [
  ["ation", 4],
  ["ment", 4],
  ["ness", 4],
  ["ing", 2],
  ["ion", 4],
  ["ed", 2],
  ["er", 4],
  ["ly", 4],
];

function withoutEnding(word: string): string {
  for (const [ending, least] of endings) {
    if (!word.endsWith(ending) || word.length - ending.length < least) continue;
    const rest = word.slice(0, -ending.length);
    if (/[aeiouy]/.test(rest) && !rest.endsWith("e")) return shortVowel.test(rest) ? `${rest}e` : rest;
  }
  return word;
}

/** `fil` of `filing` and `us` of `using` had an e; `fix` and `eat` had none. */
const shortVowel = /^[^aeiou]?[aeiou][^aeiouwxy]$/;

/** `stopp` of `stopping` is `stop`, `cache` and the `cach` of `caching` are one; `call` stays. */
function withoutDouble(word: string): string {
  if (word.length > 4 && word.endsWith("e")) return word.slice(0, -1);
  if (word.length > 4 && word.endsWith("y")) return `${word.slice(0, -1)}i`;
  return /([bdfgmnprt])\1$/.test(word) ? word.slice(0, -1) : word;
}
