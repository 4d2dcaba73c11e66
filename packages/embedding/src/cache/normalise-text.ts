/**
 * The text as it is embedded, and as its key is made of: Unicode NFC, line ends `\r\n` and `\r` as `\n`, without white
 * space (as `String.trim` has it) at either end. Case, inner white space and everything else stay.
 */
export function normaliseText(text: string): string {
  return text.replace(/\r\n?/g, "\n").normalize("NFC").trim();
}
