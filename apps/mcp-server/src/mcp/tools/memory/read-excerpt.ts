import type { Objects } from "@devmesh/adapters";
import { contextKey, type StoredContext, type TenantId } from "@devmesh/models";

/** A part of a text, whole characters only. */
export interface Excerpt {
  readonly text: string;
  readonly startByte: number;
  /** Exclusive. */
  readonly endByte: number;
}

/** The longest character of UTF-8. */
const maxCharacterBytes = 4;

/** Reads at most `maxBytes`, and at least one character, of a context that is text, from `startByte` on. */
export async function readExcerpt(
  objects: Pick<Objects, "readRange">,
  { tenantId, context }: { readonly tenantId: TenantId; readonly context: Pick<StoredContext, "id" | "size"> },
  asked: { readonly startByte: number; readonly maxBytes: number; readonly signal: AbortSignal },
): Promise<Excerpt> {
  const { signal } = asked;
  const start = Math.min(asked.startByte, context.size);
  const end = Math.min(start + Math.max(asked.maxBytes, maxCharacterBytes), context.size);
  const bytes =
    end > start ? await objects.readRange(contextKey({ tenantId, id: context.id }), { start, end, signal }) : [];
  return cutAtCharacters(Buffer.from(bytes), start, end === context.size);
}

/** Leaves out the rest of a character that began before, and the beginning of one that is not there whole. */
export function cutAtCharacters(bytes: Buffer, startByte: number, isEnd: boolean): Excerpt {
  let from = 0;
  while (startByte > 0 && from < Math.min(bytes.length, maxCharacterBytes) && isWithin(bytes[from])) from += 1;
  let to = bytes.length;
  if (!isEnd) to = endOfWhole(bytes, from);
  return { text: bytes.toString("utf8", from, to), startByte: startByte + from, endByte: startByte + to };
}

function endOfWhole(bytes: Buffer, from: number): number {
  for (let back = 1; back <= maxCharacterBytes && bytes.length - back >= from; back += 1) {
    const byte = bytes[bytes.length - back];
    if (isWithin(byte)) continue;
    return lengthOf(byte) > back ? bytes.length - back : bytes.length;
  }
  return bytes.length;
}

/** A byte after the first of a character begins with the bits 10. */
function isWithin(byte: number | undefined): boolean {
  return byte !== undefined && (byte & 0xc0) === 0x80;
}

function lengthOf(first = 0): number {
  if (first >= 0xf0) return 4;
  if (first >= 0xe0) return 3;
  return first >= 0xc0 ? 2 : 1;
}
