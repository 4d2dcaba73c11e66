/** Splits what comes in chunks into lines. Once it has thrown, it is finished. */
export interface LineSplitter {
  /** The lines that are whole now, without their ends, as UTF-8. @throws RangeError for a line longer than the bound. */
  push(chunk: Buffer): readonly string[];
}

const lineFeed = 0x0a;

/** Holds at most `maxLineBytes`, whatever comes. */
export function createLineSplitter(maxLineBytes: number): LineSplitter {
  let parts: Buffer[] = [];
  let held = 0;

  function hold(part: Buffer): void {
    held += part.length;
    if (held > maxLineBytes) {
      parts = [];
      throw new RangeError(`line longer than ${maxLineBytes} bytes`);
    }
    if (part.length > 0) parts.push(part);
  }

  function takeLine(): string {
    const [only] = parts;
    const line = parts.length === 1 && only !== undefined ? only : Buffer.concat(parts, held);
    parts = [];
    held = 0;
    return line.toString("utf8").replace(/\r$/, "");
  }

  return {
    push: (chunk) => {
      const lines: string[] = [];
      let from = 0;
      for (let at = chunk.indexOf(lineFeed); at >= 0; at = chunk.indexOf(lineFeed, from)) {
        hold(chunk.subarray(from, at));
        lines.push(takeLine());
        from = at + 1;
      }
      hold(chunk.subarray(from));
      return lines;
    },
  };
}
