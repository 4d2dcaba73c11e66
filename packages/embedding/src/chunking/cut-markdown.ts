import { type Line, linesOf } from "./lines-of.ts";
import { type Block, cuts } from "./piece.ts";

// none of these goes back over what it has read: a line of a megabyte costs a megabyte
const atxHeading = /^ {0,3}(#{1,6})(?=[ \t]|$)/;
const underline = /^ {0,3}(?:=+|-+)[ \t]*$/;
const fence = /^[ \t]{0,12}(`{3,}|~{3,})/;
const listItem = /^[ \t]{0,12}(?:[-*+]|\d{1,9}[.)])[ \t]/;
const tableRule = /^[ \t|:-]+$/;
/** A longer line is no heading, and not worth a look. */
const maxMarkedLength = 1_000;

/**
 * The blocks of a Markdown document (CommonMark's headings, fences and lists, GitHub's tables), each with the headings
 * that it stands under. Front matter is a block of lines. What is not recognised is prose.
 */
export function cutMarkdown(content: string): readonly Block[] {
  const blocks: Block[] = [];
  const lines = linesOf(content);
  const headings: string[] = [];
  for (let at = 0; at < lines.length; ) {
    const found = blockAt(content, lines, at);
    if (found.heading !== undefined) enter(headings, found.heading);
    const [first, last] = [lines[at], lines[found.next - 1]];
    if (first !== undefined && last !== undefined && found.kind !== "blank") {
      blocks.push({
        start: first.start,
        end: last.end,
        kind: found.kind,
        cut: found.kind === "heading" ? cuts.section : found.isItem === true ? cuts.item : cuts.block,
        heading: headingPath(headings),
      });
    }
    at = found.next;
  }
  return blocks;
}

interface Found {
  readonly kind: Block["kind"] | "blank";
  /** The line after it. */
  readonly next: number;
  readonly heading?: { readonly level: number; readonly text: string };
  readonly isItem?: boolean;
}

function blockAt(content: string, lines: readonly Line[], at: number): Found {
  const text = textAt(content, lines, at);
  if (text.trim() === "") return { kind: "blank", next: at + 1 };
  if (at === 0 && text.trimEnd() === "---") {
    const end = lines.findIndex((_, i) => i > 0 && textAt(content, lines, i).trimEnd() === "---");
    if (end > 0) return { kind: "lines", next: end + 1 };
  }
  const mark = atxHeading.exec(text);
  if (mark !== null) {
    const heading = { level: mark[1]?.length ?? 1, text: withoutClosing(text.slice(mark[0].length).trim()) };
    return { kind: "heading", next: at + 1, heading };
  }
  const opening = fence.exec(text)?.[1];
  if (opening !== undefined) return { kind: "lines", next: afterFence(content, lines, at, opening) };
  const following = textAt(content, lines, at + 1);
  if (underline.test(following) && !listItem.test(text)) {
    return { kind: "heading", next: at + 2, heading: { level: following.includes("=") ? 1 : 2, text: text.trim() } };
  }
  if (text.includes("|") && (isTableRule(following) || /^ {0,3}\|/.test(text))) {
    return { kind: "lines", next: nextLine(content, lines, at, (line) => !line.includes("|")) };
  }
  return { kind: "prose", next: nextLine(content, lines, at, beginsBlock), isItem: listItem.test(text) };
}

/** `## Title ##` may close itself. */
function withoutClosing(title: string): string {
  let end = title.length;
  while (title[end - 1] === "#") end--;
  return end === 0 || /[ \t]/.test(title[end - 1] ?? "") ? title.slice(0, end).trimEnd() : title;
}

function isTableRule(text: string): boolean {
  return tableRule.test(text) && text.includes("-") && text.includes("|");
}

/** What ends a paragraph or an item of a list without a blank line. */
function beginsBlock(text: string): boolean {
  return listItem.test(text) || fence.test(text) || atxHeading.test(text) || /^ {0,3}\|/.test(text);
}

function nextLine(content: string, lines: readonly Line[], at: number, isOther: (text: string) => boolean): number {
  let next = at + 1;
  while (next < lines.length) {
    const text = textAt(content, lines, next);
    if (text.trim() === "" || isOther(text)) break;
    // what is underlined is a heading, and no part of the paragraph before it
    if (underline.test(textAt(content, lines, next + 1)) && !listItem.test(text)) break;
    next++;
  }
  return next;
}

function afterFence(content: string, lines: readonly Line[], at: number, opening: string): number {
  for (let next = at + 1; next < lines.length; next++) {
    const text = textAt(content, lines, next);
    const closing = fence.exec(text)?.[1];
    if (closing?.startsWith(opening) === true && text.trim() === closing) return next + 1;
  }
  return lines.length;
}

/** As much of a line as may be a mark. */
function textAt(content: string, lines: readonly Line[], at: number): string {
  const line = lines[at];
  return line === undefined ? "" : content.slice(line.start, Math.min(line.end, line.start + maxMarkedLength));
}

function enter(headings: string[], heading: { readonly level: number; readonly text: string }): void {
  headings.length = Math.min(headings.length, heading.level - 1);
  while (headings.length < heading.level - 1) headings.push("");
  headings.push(heading.text.slice(0, 200).toWellFormed());
}

function headingPath(headings: readonly string[]): string | undefined {
  const path = headings.filter((heading) => heading !== "").join(" › ");
  return path === "" ? undefined : path;
}
