import { AppError } from "@devmesh/models";
import { type JSONRPCMessage, parseJSONRPCMessage, type RequestId } from "@modelcontextprotocol/client";
import { createLineSplitter } from "./line-splitter.ts";

/** Bounds on what a program may write. */
export interface ReaderLimits {
  /** Of one message. */
  readonly maxMessageBytes: number;
  /** Lines in a row that are no messages, empty ones among them; one of 64 KiB counts as two. */
  readonly maxNoiseLines: number;
  /**
   * Notifications, requests of its own and answers that nobody waits for, since its last answer that somebody did; one of 1 KiB
   * counts as two, and one is forgotten every 10 ms.
   */
  readonly maxUnasked: number;
  /** Milliseconds of a clock that nobody sets. */
  readonly now?: () => number;
}

/** Who is told of what was read. */
export interface ReaderEvents {
  onMessage(message: JSONRPCMessage): void;
  /** True for the id of a request that has no answer yet. */
  isAwaited(id: RequestId): boolean;
  /** An answer by its id, and none by its form. */
  onBadAnswer(id: RequestId): void;
}

/** Makes messages of what a program writes. */
export interface MessageReader {
  /** @throws AppError `resource_exhausted`, reason `output_too_large`, or `unavailable`, reason `bad_answer`; then it is finished. */
  push(chunk: Buffer): void;
}

/** What is read costs by its length, too. In UTF-16 units. */
const unaskedUnit = 1_024;
const noiseUnit = 65_536;
/** A tool that works for an hour may tell of its progress a hundred times a second. */
const forgetMs = 10;

/** Notifications other than of progress (logs, changes of lists), and answers to nobody, are dropped before they cost more. */
export function createMessageReader(limits: ReaderLimits, events: ReaderEvents): MessageReader {
  const { maxMessageBytes, maxNoiseLines, maxUnasked, now = () => performance.now() } = limits;
  const splitter = createLineSplitter(maxMessageBytes);
  let noise = 0;
  let unasked = 0;
  let countedAt = now();

  function noteUnasked(length: number): void {
    noise = 0;
    unasked = Math.max(0, unasked - (now() - countedAt) / forgetMs) + 1 + Math.floor(length / unaskedUnit);
    countedAt = now();
    if (unasked > maxUnasked) throw flood(`more than ${maxUnasked} messages that nobody asked for`);
  }

  function noteNoise(length: number): void {
    noise += 1 + Math.floor(length / noiseUnit);
    if (noise > maxNoiseLines) {
      throw new AppError("unavailable", `the tool server wrote ${noise} lines that are no messages`, {
        reason: "bad_answer",
      });
    }
  }

  function receive(line: string): void {
    const value = line.trim() === "" ? undefined : parseLine(line);
    const id = idOf(value);
    if (isUnwanted(value) || (id !== undefined && !hasMethod(value) && !events.isAwaited(id))) {
      noteUnasked(line.length);
      return;
    }
    const message = toMessage(value);
    if (message === undefined) {
      noteNoise(line.length);
      if (id !== undefined) events.onBadAnswer(id);
      return;
    }
    if (id === undefined || hasMethod(value)) noteUnasked(line.length);
    else [noise, unasked] = [0, 0];
    events.onMessage(message);
  }

  return {
    push: (chunk) => {
      try {
        for (const line of splitter.push(chunk)) receive(line);
      } catch (error) {
        throw error instanceof RangeError ? flood(`a message of more than ${maxMessageBytes} bytes`) : error;
      }
    },
  };
}

function parseLine(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

function isUnwanted(value: unknown): boolean {
  if (!hasMethod(value) || "id" in value) return false;
  return typeof value.method === "string" && value.method !== "notifications/progress";
}

function hasMethod(value: unknown): value is { readonly method: unknown } {
  return typeof value === "object" && value !== null && "method" in value;
}

function toMessage(value: unknown): JSONRPCMessage | undefined {
  try {
    return parseJSONRPCMessage(value);
  } catch {
    return undefined;
  }
}

function idOf(value: unknown): RequestId | undefined {
  if (typeof value !== "object" || value === null || !("id" in value)) return undefined;
  return typeof value.id === "string" || typeof value.id === "number" ? value.id : undefined;
}

function flood(what: string): AppError {
  return new AppError("resource_exhausted", `the tool server wrote ${what}`, { reason: "output_too_large" });
}
