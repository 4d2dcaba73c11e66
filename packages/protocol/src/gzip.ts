import { constants, crc32, gzip, gzipSync, inflateRaw, inflateRawSync } from "node:zlib";
import { AppError } from "@devmesh/models";

/** What came out of a deflate stream, and how many of the bytes given belonged to it. */
interface Inflated {
  readonly bytes: Uint8Array;
  readonly consumed: number;
}

const trailerBytes = 8;
const magic = 0x1f8b;
const methodDeflate = 8;
const flagHeaderCrc = 0x02;
const flagExtra = 0x04;
const flagName = 0x08;
const flagComment = 0x10;
const flagsReserved = 0xe0;
/** Measured on 8.6 KB of task JSON: level 3 takes 31 µs for 1,789 bytes, level 6 40 µs for 1,784. */
const gzipOptions = { level: 3 };

/** Compresses on this thread. The result is returned only if it is smaller, else `bytes` itself. */
export function compressIfSmaller(bytes: Uint8Array): Uint8Array {
  const compressed = gzipSync(bytes, gzipOptions);
  return compressed.byteLength < bytes.byteLength ? compressed : bytes;
}

/** {@link compressIfSmaller} on zlib's thread pool. `bytes` must not change meanwhile. */
export function compressIfSmallerOffThread(bytes: Uint8Array): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    gzip(bytes, gzipOptions, (error, compressed) => {
      if (error !== null) reject(error);
      else resolve(compressed.byteLength < bytes.byteLength ? compressed : bytes);
    });
  });
}

/**
 * Inflates exactly one gzip member that fills `bytes` to its end. Node's own gunzip accepts further members and ignores
 * zero bytes behind them, so header and trailer are read here and only the deflate stream is left to zlib.
 *
 * Stops as soon as the output passes `maxBytes`, without allocating for more.
 *
 * @throws AppError `protocol_violation` for what is no such member, `resource_exhausted` past `maxBytes`.
 */
export function inflateMember(bytes: Uint8Array, maxBytes: number): Uint8Array {
  const body = bytes.subarray(readMemberHeader(bytes));
  return checkMember(body, inflateBody(body, maxBytes), maxBytes);
}

/** {@link inflateMember} on zlib's thread pool. `bytes` must not change meanwhile. */
export async function inflateMemberOffThread(bytes: Uint8Array, maxBytes: number): Promise<Uint8Array> {
  const body = bytes.subarray(readMemberHeader(bytes));
  return checkMember(body, await inflateBodyOffThread(body, maxBytes), maxBytes);
}

/** The inflated size that a member claims in its last four bytes (RFC 1952, 2.3.1): a hint, not to be trusted. */
export function claimedInflatedBytes(bytes: Uint8Array): number {
  return bytes.byteLength < 4 ? 0 : viewOf(bytes).getUint32(bytes.byteLength - 4, true);
}

/** The error for what exceeds the limit, in either direction. */
export function payloadTooLarge(what: string, maxBytes: number): AppError {
  return overLimit(what, `${maxBytes} bytes`);
}

/** {@link payloadTooLarge} for what is not counted in bytes. */
export function overLimit(what: string, bound: string): AppError {
  return new AppError("resource_exhausted", `${what} exceeds the limit of ${bound}`, { reason: "payload_too_large" });
}

/**
 * Gives the offset at which the deflate stream starts (RFC 1952, 2.3).
 *
 * | offset | bytes | field                                                              |
 * |--------|-------|--------------------------------------------------------------------|
 * | 0      | 2     | magic 1f 8b                                                        |
 * | 2      | 1     | method, 8                                                          |
 * | 3      | 1     | flags                                                              |
 * | 4      | 6     | time, extra flags, system: of no use here                          |
 * | 10     |       | by flags: extra (2 bytes length, little endian), name 0, comment 0, header CRC (2) |
 */
function readMemberHeader(bytes: Uint8Array): number {
  const view = viewOf(bytes);
  if (bytes.byteLength < 10 || view.getUint16(0) !== magic) throw badGzip("no gzip header");
  const flags = view.getUint8(3);
  if (view.getUint8(2) !== methodDeflate || (flags & flagsReserved) !== 0) throw badGzip("unknown method or flag");
  let offset = 10;
  if ((flags & flagExtra) !== 0) {
    if (offset + 2 > bytes.byteLength) throw badGzip("header cut short");
    offset += 2 + view.getUint16(offset, true);
  }
  if ((flags & flagName) !== 0) offset = skipText(bytes, offset);
  if ((flags & flagComment) !== 0) offset = skipText(bytes, offset);
  if ((flags & flagHeaderCrc) !== 0) {
    if (offset + 2 > bytes.byteLength) throw badGzip("header cut short");
    if ((crc32(bytes.subarray(0, offset)) & 0xffff) !== view.getUint16(offset, true)) throw badGzip("header checksum");
    offset += 2;
  }
  if (offset > bytes.byteLength) throw badGzip("header cut short");
  return offset;
}

function skipText(bytes: Uint8Array, from: number): number {
  const end = bytes.indexOf(0, from);
  if (end < 0) throw badGzip("header cut short");
  return end + 1;
}

/** The trailer: CRC-32 of the output, then its length modulo 2^32, both little endian; and nothing behind it. */
function checkMember(body: Uint8Array, inflated: Inflated, maxBytes: number): Uint8Array {
  // zlib takes no output bound of zero
  if (inflated.bytes.byteLength > maxBytes) throw payloadTooLarge("inflated payload", maxBytes);
  const rest = body.byteLength - inflated.consumed;
  if (rest < trailerBytes) throw badGzip("trailer cut short");
  if (rest > trailerBytes) throw badGzip(`${rest - trailerBytes} bytes after its end`);
  const view = viewOf(body);
  if (view.getUint32(inflated.consumed, true) !== crc32(inflated.bytes)) throw badGzip("checksum differs");
  if (view.getUint32(inflated.consumed + 4, true) !== inflated.bytes.byteLength) throw badGzip("length differs");
  return inflated.bytes;
}

function inflateBody(body: Uint8Array, maxBytes: number): Inflated {
  try {
    return toInflated(inflateRawSync(body, inflateOptions(maxBytes)));
  } catch (error) {
    throw toInflateError(error, maxBytes);
  }
}

function inflateBodyOffThread(body: Uint8Array, maxBytes: number): Promise<Inflated> {
  return new Promise((resolve, reject) => {
    inflateRaw(body, inflateOptions(maxBytes), (error, result) => {
      if (error !== null) reject(toInflateError(error, maxBytes));
      else resolve(toInflated(result));
    });
  });
}

/** `info` makes zlib tell how much of its input it took. */
function inflateOptions(maxBytes: number): {
  readonly info: true;
  readonly maxOutputLength: number;
  readonly finishFlush: number;
} {
  return { info: true, maxOutputLength: Math.max(1, maxBytes), finishFlush: constants.Z_FINISH };
}

/** With `info`, zlib gives `{buffer, engine}`, which its types do not know. */
function toInflated(result: unknown): Inflated {
  const { buffer, engine } = result as {
    readonly buffer: Uint8Array;
    readonly engine: { readonly bytesWritten: number };
  };
  return { bytes: buffer, consumed: engine.bytesWritten };
}

function toInflateError(error: unknown, maxBytes: number): AppError {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code === "ERR_BUFFER_TOO_LARGE") return payloadTooLarge("inflated payload", maxBytes);
  return new AppError("protocol_violation", "bad gzip: broken stream", { cause: error });
}

function badGzip(what: string): AppError {
  return new AppError("protocol_violation", `bad gzip: ${what}`);
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
