import { AppError, maxJsonDepth } from "@devmesh/models";
import type { Frame } from "./frame.ts";

// A byte order mark stays, and is no JSON (RFC 8259, section 8.1).
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Each level costs two bytes, so what is shorter can't nest too deep. */
const canNestTooDeepBytes = 2 * (maxJsonDepth + 1);
/**
 * What a number past 1.8e308 looks like: an exponent of three digits, or 210 digits before one of two. Strings may look
 * so too, which costs a walk through the value and no more.
 */
const perhapsNotFinite = /[:,[\s]-?\d(?:[\d.]*[eE]\+?\d{3}|[\d.]{209})/;

/**
 * Reads the JSON object of a frame. Own members named `__proto__` are plain data. Of two members with one name the last
 * counts.
 *
 * @throws AppError `protocol_violation` for invalid UTF-8, for what is not JSON and for another value than an object;
 * `invalid_argument` for JSON deeper than 512 levels and for a number that is not finite (`1e999`).
 */
export function parsePayload(frame: Frame): Record<string, unknown> {
  const text = decodeText(frame.payload);
  if (frame.payload.byteLength >= canNestTooDeepBytes) assertDepth(frame.payload);
  const value = parseText(text);
  if (!isObject(value)) throw malformed("payload is not a json object");
  if (perhapsNotFinite.test(text)) assertFiniteNumbers(value);
  return value;
}

/** The `id` that an answer to this payload carries as `re`; undefined where there is none, or one that is invalid. */
export function readRequestId(payload: Readonly<Record<string, unknown>>): string | undefined {
  const id = Object.hasOwn(payload, "id") ? payload["id"] : undefined;
  return isRequestId(id) ? id : undefined;
}

/** {@link readRequestId} of a frame whose payload was refused, or not parsed yet. Never throws. */
export function readFrameRequestId(frame: Frame): string | undefined {
  try {
    const value = parseText(decodeText(withoutNested(frame.payload)));
    return isObject(value) ? readRequestId(value) : undefined;
  } catch {
    // the error that matters was already found, or will be
    return undefined;
  }
}

/** The same text with a 0 for each member that is an array or an object, however deep those nest. */
function withoutNested(bytes: Uint8Array): Uint8Array {
  const kept: Uint8Array[] = [];
  let depth = 0;
  let start = 0;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i];
    if (byte === 0x22) i = endOfString(bytes, i);
    else if (byte === 0x7b || byte === 0x5b) {
      if (++depth === 2) kept.push(bytes.subarray(start, i), zero);
    } else if ((byte === 0x7d || byte === 0x5d) && --depth === 1) start = i + 1;
  }
  return Buffer.concat([...kept, bytes.subarray(start)]);
}

const zero = new Uint8Array([0x30]);

/** Where the string that opens at `start` has its closing quote. */
function endOfString(bytes: Uint8Array, start: number): number {
  let i = start + 1;
  while (i < bytes.length && bytes[i] !== 0x22) i += bytes[i] === 0x5c ? 2 : 1;
  return i;
}

/** A string of 1 to 64 characters, counted as Unicode code points. */
export function isRequestId(value: unknown): value is string {
  if (typeof value !== "string" || value.length === 0) return false;
  return value.length <= 64 || (value.length <= 128 && [...value].length <= 64);
}

function decodeText(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch (error) {
    throw new AppError("protocol_violation", "payload is not valid utf-8", { cause: error });
  }
}

function parseText(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // without the parser's error, which quotes the payload
    throw malformed("payload is not json");
  }
}

/** Looks at the brackets before the parser allocates for them. Everything else about the text is left to the parser. */
function assertDepth(bytes: Uint8Array): void {
  const { deepest, isBalanced } = measureDepth(bytes);
  if (deepest <= maxJsonDepth) return;
  const startsObject = bytes.find((byte) => byte > 0x20) === 0x7b;
  if (!isBalanced || !startsObject) throw malformed("payload is not a json object");
  throw new AppError("invalid_argument", `json nests ${deepest} levels deep, at most ${maxJsonDepth} are allowed`);
}

function measureDepth(bytes: Uint8Array): { readonly deepest: number; readonly isBalanced: boolean } {
  let depth = 0;
  let deepest = 0;
  let isInString = false;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i];
    if (byte === 0x22) isInString = !isInString;
    else if (isInString) i += byte === 0x5c ? 1 : 0;
    else if (byte === 0x7b || byte === 0x5b) deepest = Math.max(deepest, ++depth);
    else if (byte === 0x7d || byte === 0x5d) depth--;
  }
  return { deepest, isBalanced: depth === 0 && !isInString };
}

function assertFiniteNumbers(payload: Readonly<Record<string, unknown>>): void {
  const pending: object[] = [payload];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    for (const member of Array.isArray(next) ? next : Object.values(next)) {
      if (isContainer(member)) pending.push(member);
      else if (typeof member === "number" && !Number.isFinite(member)) {
        throw new AppError("invalid_argument", "a number in the json is not finite");
      }
    }
  }
}

function isContainer(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return isContainer(value) && !Array.isArray(value);
}

function malformed(message: string): AppError {
  return new AppError("protocol_violation", message);
}
