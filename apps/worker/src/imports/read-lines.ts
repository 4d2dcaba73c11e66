import { AppError } from "@devmesh/models";

/** One line of an NDJSON object that is not empty. */
export interface Line {
  /** From 1. */
  readonly number: number;
  /** Of the object: where the next line begins. */
  readonly end: number;
  readonly value: { readonly json: unknown } | { readonly error: AppError };
}

export interface ReadLinesOptions {
  /** Bytes `[start, end)` of the object. */
  readonly read: (start: number, end: number) => Promise<Uint8Array>;
  readonly size: number;
  /** Where a line begins, and how many were before it. */
  readonly offset: number;
  readonly lines: number;
  /** A longer line is an error; no more than this and two windows are in memory. */
  readonly maxLineBytes: number;
  readonly windowBytes: number;
}

const newline = 0x0a;
const carriageReturn = 0x0d;
const byteOrderMark = Buffer.from([0xef, 0xbb, 0xbf]);

/**
 * Reads lines of JSON window by window, the next one while the last is worked on. A line that is too long, no UTF-8 or no
 * JSON is an error of its own.
 */
export async function* readLines(options: ReadLinesOptions): AsyncGenerator<Line, void> {
  const cutter = createCutter(options);
  for await (const window of readWindows(options)) yield* cutter.cut(window);
  const last = cutter.end();
  if (last !== undefined) yield last;
}

/** Cuts windows, in their order, into lines. */
interface Cutter {
  cut(window: Window): Generator<Line, void>;
  /** The last line, where no newline ends it. */
  end(): Line | undefined;
}

function createCutter({ offset, lines, size, maxLineBytes }: ReadLinesOptions): Cutter {
  let isFirst = offset === 0;
  let number = lines;
  let open = createOpenLine(maxLineBytes);

  function close(end: number): Line | undefined {
    number += 1;
    const line = toLine(open, { number, end, isFirst });
    open = createOpenLine(maxLineBytes);
    isFirst = false;
    return line;
  }

  /** Where the next line that is not empty begins. */
  function passEmpty(bytes: Buffer, from: number): number {
    const empty = open.size === 0 ? countNewlines(bytes, from) : 0;
    if (empty > 0) isFirst = false;
    number += empty;
    return from + empty;
  }

  return {
    *cut({ start, bytes }) {
      let from = passEmpty(bytes, 0);
      for (let at = bytes.indexOf(newline, from); at !== -1; at = bytes.indexOf(newline, from)) {
        open.add(bytes.subarray(from, at));
        const line = close(start + at + 1);
        if (line !== undefined) yield line;
        from = passEmpty(bytes, at + 1);
      }
      open.add(bytes.subarray(from));
    },
    end: () => (open.size === 0 ? undefined : close(size)),
  };
}

/** Empty lines cost nothing but this. */
function countNewlines(bytes: Buffer, from: number): number {
  let until = from;
  while (bytes[until] === newline) until += 1;
  return until - from;
}

/** A line whose end has not come yet. */
interface OpenLine {
  readonly size: number;
  readonly maxBytes: number;
  add(bytes: Uint8Array): void;
  /** Undefined where it is too long: its bytes were passed over. */
  bytes(): Buffer | undefined;
}

function createOpenLine(maxBytes: number): OpenLine {
  let parts: Uint8Array[] = [];
  let size = 0;
  return {
    maxBytes,
    get size() {
      return size;
    },
    add(bytes) {
      size += bytes.length;
      if (size <= maxBytes) parts.push(bytes);
      else parts = [];
    },
    bytes: () => (size <= maxBytes ? Buffer.concat(parts, size) : undefined),
  };
}

interface Window {
  readonly start: number;
  readonly bytes: Buffer;
}

async function* readWindows({ read, size, offset, windowBytes }: ReadLinesOptions): AsyncGenerator<Window, void> {
  const open = (start: number): Promise<Uint8Array> | undefined => {
    if (start >= size) return undefined;
    const reading = read(start, Math.min(size, start + windowBytes));
    // whoever stops reading early does not wait for it
    reading.catch(() => undefined);
    return reading;
  };
  let next = open(offset);
  for (let start = offset; next !== undefined; ) {
    const bytes: Uint8Array = await next;
    if (bytes.length === 0) return;
    const here = start;
    start += bytes.length;
    next = open(start);
    yield { start: here, bytes: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength) };
  }
}

/** Undefined for an empty one. */
function toLine(
  open: OpenLine,
  { number, end, isFirst }: { readonly number: number; readonly end: number; readonly isFirst: boolean },
): Line | undefined {
  const whole = open.bytes();
  if (whole === undefined) return { number, end, value: { error: tooLong(number, open) } };
  const bytes = trimLine(whole, isFirst);
  return bytes.length === 0 ? undefined : { number, end, value: parseLine(bytes, number) };
}

function trimLine(bytes: Buffer, isFirst: boolean): Buffer {
  const start = isFirst && bytes.subarray(0, 3).equals(byteOrderMark) ? 3 : 0;
  const end = bytes.at(-1) === carriageReturn ? bytes.length - 1 : bytes.length;
  return bytes.subarray(start, end);
}

function parseLine(bytes: Buffer, number: number): Line["value"] {
  try {
    return { json: JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes)) };
  } catch (cause) {
    const what = cause instanceof SyntaxError ? "valid JSON" : "valid UTF-8";
    const error = new AppError("invalid_argument", `line ${number} is not ${what}`, {
      reason: "malformed_json",
      cause,
    });
    return { error };
  }
}

function tooLong(number: number, { size, maxBytes }: OpenLine): AppError {
  return new AppError("invalid_argument", `line ${number} of ${size} bytes exceeds the limit of ${maxBytes}`, {
    reason: "line_too_long",
  });
}
