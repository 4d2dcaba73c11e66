import { isUuid } from "@devmesh/models";
import { z } from "@hono/zod-openapi";
import { integerParameter } from "./query.ts";

/** Where a page ends: lists go by time and then id, newest first. */
export interface PageKey {
  /** RFC 3339 UTC with milliseconds. */
  readonly at: string;
  readonly id: string;
}

export const limitParameter = integerParameter({
  min: 1,
  max: 200,
  fallback: 50,
  description: "How many to answer with at most.",
});

/** The `?cursor=` of a list: the `meta.nextCursor` of the page before. */
export const cursorParameter = z
  .string()
  .max(200)
  .transform((text, ctx) => {
    const key = decodeCursor(text);
    if (key !== undefined) return key;
    ctx.addIssue({ code: "custom", message: "is no cursor of this list" });
    return z.NEVER;
  })
  .optional()
  .openapi({ type: "string", maxLength: 200, description: "`meta.nextCursor` of the page before." });

/** Opaque to clients: base64url of the JSON `[at, id]`. */
export function encodeCursor({ at, id }: PageKey): string {
  return Buffer.from(JSON.stringify([at, id])).toString("base64url");
}

function decodeCursor(text: string): PageKey | undefined {
  const value = parseJson(Buffer.from(text, "base64url").toString());
  if (!Array.isArray(value) || value.length !== 2) return undefined;
  const [at, id]: unknown[] = value;
  if (typeof at !== "string" || typeof id !== "string" || !isUuid(id) || !isCanonicalTime(at)) return undefined;
  const key = { at, id };
  // what is not exactly what was given out was tampered with, or is another list's
  return encodeCursor(key) === text ? key : undefined;
}

/** A page is at most 4 MiB as JSON; the rest is for the envelope. */
const maxItemsBytes = 4 * 1_048_576 - 1_024;

export interface Page<Item> {
  readonly items: readonly Item[];
  /** Absent on the last page. */
  readonly nextCursor: string | undefined;
}

/**
 * Cuts a page out of what was found.
 *
 * @param found up to `limit + 1` items, so that a further page is known of without asking for it.
 */
export function cutPage<Item>(
  found: readonly Item[],
  { limit, cursorOf }: { readonly limit: number; readonly cursorOf: (item: Item) => string },
): Page<Item> {
  const items: Item[] = [];
  let bytes = 0;
  for (const item of found.slice(0, limit)) {
    bytes += Buffer.byteLength(JSON.stringify(item)) + 1;
    // one item always goes out, so that paging gets past it
    if (bytes > maxItemsBytes && items.length > 0) break;
    items.push(item);
  }
  const last = items.at(-1);
  const isLastPage = items.length === found.length || last === undefined;
  return { items, nextCursor: isLastPage ? undefined : cursorOf(last) };
}

/** The `meta` of a list. */
export function pageMeta(page: { readonly nextCursor: string | undefined }): Readonly<Record<string, unknown>> {
  return page.nextCursor === undefined ? {} : { nextCursor: page.nextCursor };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // not ours: the caller refuses it
  }
}

/** Of the years that the database's times have. */
function isCanonicalTime(text: string): boolean {
  const ms = Date.parse(text);
  if (!/^(19[7-9]|[2-9]\d)\d/.test(text)) return false;
  return Number.isFinite(ms) && new Date(ms).toISOString() === text;
}
