const stopWords = new Set(
  `a about above after again all also am an and any are as at be because been before being below between both but by
  can could did do does doing down during each either else etc every few for from further get gets had has have having
  he her here hers him his how i if in into is it its itself just let like made make may me might more most must my
  neither no nor not now of off on once one only or other our ours out over own per same she should since so some such
  than that the their them then there these they this those through to too under until up upon us use used uses using
  very via was we were what when where which while who whom whose why will with within without would yet you your`
    .trim()
    .split(/\s+/),
);

/** Words that say what a text is about: neither stop words nor bare numbers, nor single letters. */
export function isContentWord(word: string): boolean {
  return word.length > 1 && !stopWords.has(word) && /\p{L}/u.test(word);
}

/** The words of a text in lower case, in order; an apostrophe or hyphen inside a word is part of it. */
export function toWords(text: string): string[] {
  return text.toLowerCase().match(/[\p{L}\p{N}]+(?:['’-][\p{L}\p{N}]+)*/gu) ?? [];
}
