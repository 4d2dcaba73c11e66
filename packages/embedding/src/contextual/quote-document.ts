import { createHash } from "node:crypto";

/** A text as data in a prompt. */
export interface Quoted {
  readonly text: string;
  /** What the tag is called: 16 hex digits of the text's own SHA-256, so that no text can close it. */
  readonly tag: string;
}

/** Puts a text between tags that it cannot hold itself. The same text gives the same quotation, which a cache needs. */
export function quoteDocument(name: string, text: string): Quoted {
  const tag = `${name}-${createHash("sha256").update(text).digest("hex").slice(0, 16)}`;
  return { text: `<${tag}>\n${text}\n</${tag}>`, tag };
}
