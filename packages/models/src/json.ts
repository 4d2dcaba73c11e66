import { AppError } from "./errors.ts";

/** How deep JSON may nest, on every door. */
export const maxJsonDepth = 512;

/**
 * Refuses parsed JSON that nests deeper than {@link maxJsonDepth} or holds a number that is not finite (`1e999` parses
 * to Infinity and would come back as null). Walks with a stack of its own, so that depth can't overflow ours.
 *
 * @param at what it is called in the message, such as `documents[3]`; by default the JSON.
 * @throws AppError `invalid_argument`
 */
export function assertStorableJson(value: unknown, at = ""): void {
  const refuse = (what: string): AppError => new AppError("invalid_argument", at === "" ? what : `${at}: ${what}`);
  const pending: [value: unknown, depth: number][] = [[value, 1]];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const [item, depth] = next;
    if (typeof item === "number" && !Number.isFinite(item)) {
      throw refuse("a number in the JSON is not finite");
    }
    if (typeof item !== "object" || item === null) continue;
    if (depth > maxJsonDepth) throw refuse(`JSON nests deeper than ${maxJsonDepth} levels`);
    for (const child of Array.isArray(item) ? item : Object.values(item)) pending.push([child, depth + 1]);
  }
}

/**
 * The canonical text of a JSON value (RFC 8785): members sorted by UTF-16 code units, no white space. ECMAScript's own
 * rendering of numbers and strings is the one that the RFC prescribes. Expects what {@link assertStorableJson} let pass.
 */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map((item) => canonicalJson(item ?? null)).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "null";
  const members = Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, member]) => `${JSON.stringify(key)}:${canonicalJson(member)}`);
  return `{${members.join(",")}}`;
}

/** Bytes of a text as UTF-8, without making the bytes. */
export function utf8Bytes(text: string): number {
  let bytes = text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) continue;
    bytes += unit < 0x800 ? 1 : 2;
    const isPair = unit >= 0xd800 && unit < 0xdc00 && (text.charCodeAt(i + 1) & 0xfc00) === 0xdc00;
    // a surrogate pair is two units and four bytes; a lone surrogate becomes U+FFFD, three bytes
    if (isPair) i++;
  }
  return bytes;
}
