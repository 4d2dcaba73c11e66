import { type Block, cuts } from "./piece.ts";

/** All lines of a program are one block: it is cut where an empty line stands before one that is not indented. */
export function cutCode(content: string): readonly Block[] {
  return [{ start: 0, end: content.length, kind: "lines", cut: cuts.block, heading: undefined }];
}
