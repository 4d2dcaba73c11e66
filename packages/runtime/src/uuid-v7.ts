import { randomFillSync } from "node:crypto";
import type { NewId } from "@devmesh/models";
import { systemClock } from "./clock.ts";

/** Time and chance, for tests. */
export interface UuidV7Options {
  readonly now?: () => number;
  /** Fills the whole buffer with random bytes. */
  readonly fillRandom?: (buffer: Uint8Array) => void;
}

// offset  bits  field
//      0    48  milliseconds since the epoch
//      6     4  version, 7
//      6    12  counter within the millisecond, from a random start below 2048
//      8     2  variant, binary 10
//      8    62  random

const maxCounter = 0xfff;
/** Two for the counter's start, eight for the random field and the variant's byte. */
const randomBytesPerId = 10;
/** Random bytes are drawn for this many ids at a time: one call for each id would cost most of the time. */
const idsPerRefill = 512;
const hex = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

/**
 * Makes a generator whose ids rise strictly, in order of creation, within one generator: also within a millisecond,
 * and while the clock stands still or goes back. A counter that overflows borrows from the next millisecond.
 *
 * @see RFC 9562, sections 5.7 and 6.2 (method 1)
 */
export function createUuidV7(options: UuidV7Options = {}): NewId {
  const { now = systemClock, fillRandom = randomFillSync } = options;
  const pool = new Uint8Array(idsPerRefill * randomBytesPerId);
  let offset = pool.length;
  let lastMs = Number.NEGATIVE_INFINITY;
  let counter = 0;
  let prefix = "";

  function takeRandom(): void {
    if (offset < pool.length) return;
    fillRandom(pool);
    offset = 0;
  }

  function startMs(ms: number): void {
    lastMs = ms;
    // The upper half of the counter's range stays free for ids of the same millisecond.
    counter = (((pool[offset] ?? 0) << 8) | (pool[offset + 1] ?? 0)) & 0x7ff;
    const digits = ms.toString(16).padStart(12, "0");
    prefix = `${digits.slice(0, 8)}-${digits.slice(8)}-7`;
  }

  function byteAt(index: number): string {
    return hex[pool[offset + index] ?? 0] ?? "";
  }

  return () => {
    takeRandom();
    const ms = now();
    if (ms > lastMs) startMs(ms);
    else if (counter < maxCounter) counter += 1;
    else startMs(lastMs + 1);
    const variant = hex[((pool[offset + 2] ?? 0) & 0x3f) | 0x80] ?? "";
    const node = byteAt(4) + byteAt(5) + byteAt(6) + byteAt(7) + byteAt(8) + byteAt(9);
    const id = `${prefix}${counterHex(counter)}-${variant}${byteAt(3)}-${node}`;
    offset += randomBytesPerId;
    return id;
  };
}

function counterHex(counter: number): string {
  return (counter >>> 8).toString(16) + (hex[counter & 0xff] ?? "");
}
