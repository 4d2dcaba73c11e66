import { linesOf } from "./lines-of.ts";
import { type Block, cuts } from "./piece.ts";

/** The paragraphs of a plain text: what blank lines part. */
export function cutText(content: string): readonly Block[] {
  const blocks: Block[] = [];
  let start: number | undefined;
  let end = 0;
  const close = (): void => {
    if (start !== undefined) blocks.push({ start, end, kind: "prose", cut: cuts.block, heading: undefined });
    start = undefined;
  };
  for (const line of linesOf(content)) {
    if (content.slice(line.start, line.end).trim() === "") close();
    else {
      start ??= line.start;
      end = line.end;
    }
  }
  close();
  return blocks;
}
