/** A line without its end: `[start, end)`. */
export interface Line {
  readonly start: number;
  readonly end: number;
}

/** The lines of a text, ended by LF, CRLF or CR. */
export function linesOf(content: string): readonly Line[] {
  const lines: Line[] = [];
  let start = 0;
  for (const match of content.matchAll(/\r\n|\n|\r/g)) {
    lines.push({ start, end: match.index });
    start = match.index + match[0].length;
  }
  if (start < content.length) lines.push({ start, end: content.length });
  return lines;
}
