/** A comment, a string, a template or, where a value may stand, a regular expression. */
const token =
  /\/\/[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|"(?:\\[\s\S]|[^"\\\n])*"?|'(?:\\[\s\S]|[^'\\\n])*'?|`(?:\\[\s\S]|[^`\\])*`?|(?<=(?:^|[=(,:;!&|?{}[+\n>]|return)\s*)\/(?![*/])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+\/[a-z]*/g;

/**
 * Blanks out what is not code, keeping every character's place: comments become spaces; strings, templates and regular
 * expressions keep their quotes and have their insides replaced by underscores. Line breaks stay.
 */
export function maskCode(source: string): string {
  return source.replace(token, (text) => {
    if (text.startsWith("//") || text.startsWith("/*")) return text.replace(/[^\n]/g, " ");
    if (text.length < 2) return text;
    return `${text[0]}${text.slice(1, -1).replace(/[^\n]/g, "_")}${text.at(-1)}`;
  });
}
