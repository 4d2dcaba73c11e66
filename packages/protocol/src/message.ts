import { AppError, maxTaskJsonBytes, parseWith, utf8Bytes } from "@devmesh/models";
import type { z } from "zod";
import type { Frame } from "./frame.ts";
import {
  type BinaryMessageName,
  directionOf,
  isBinary,
  type JsonMessageName,
  type MessageName,
  messageNames,
  messageSchemas,
  messageTypes,
} from "./messages/catalogue.ts";
import { type ChannelFrame, decodeChannelFrame, encodeChannelFrame } from "./messages/doc-channel.ts";
import { parsePayload } from "./payload.ts";

type Scalar = string | number | boolean | null | undefined;
/** Readonly at every level; `unknown` stays as it is. */
type ReadonlyDeep<T> = T extends Scalar ? T : T extends object ? { readonly [K in keyof T]: ReadonlyDeep<T[K]> } : T;

/** What a message of this name holds once parsed: defaults are filled in, unknown fields are gone. */
export type PayloadOf<Name extends MessageName> = Name extends JsonMessageName
  ? ReadonlyDeep<z.output<(typeof messageSchemas)[Name]>>
  : ChannelFrame;

/** What a sender of this message gives: fields with a default may be left out. */
export type PayloadInput<Name extends MessageName> = Name extends JsonMessageName
  ? ReadonlyDeep<z.input<(typeof messageSchemas)[Name]>>
  : ChannelFrame;

/** A parsed message, told apart by `name`. */
export type Message<Name extends MessageName = MessageName> = {
  readonly [N in Name]: {
    readonly name: N;
    readonly type: (typeof messageTypes)[N];
    readonly payload: PayloadOf<N>;
  };
}[Name];

/** Users' JSON whose size is bounded on its own, by message. */
const boundedJson: Readonly<Partial<Record<MessageName, readonly string[]>>> = {
  TASK_COMPLETE: ["output"],
  TASK_NEEDS_INPUT: ["schema", "default"],
  SEND: ["content"],
};

/**
 * Parses a frame against its schema. Users' JSON in it (`output`, `content`, `task` …) is passed on untouched.
 *
 * @throws AppError `invalid_argument`: with reason `unknown_type` if no message has this type, else with `details`
 * `[{path, message}]` naming each wrong or missing field; and what {@link parsePayload} throws.
 */
export function parseMessage(frame: Frame): Message {
  const name = messageNames.get(frame.type);
  if (name === undefined) throw unknownType(frame.type, "unknown message type");
  if (isBinary(name)) return toMessage(name, decodeChannelFrame(frame.payload));
  const payload = parseWith(messageSchemas[name], parsePayload(frame));
  if (frame.payload.byteLength > maxTaskJsonBytes) assertJsonSizes(name, payload);
  return toMessage(name, payload);
}

/**
 * {@link parseMessage} of what this side received: a message that only this side sends is of unknown type to it.
 *
 * @throws AppError as {@link parseMessage}
 */
export function parseMessageFrom(sender: "client" | "server", frame: Frame): Message {
  const name = messageNames.get(frame.type);
  const direction = name === undefined ? "both" : directionOf(name);
  if (direction !== "both" && direction !== sender) {
    throw unknownType(frame.type, `a ${sender} does not send ${name}, type`);
  }
  return parseMessage(frame);
}

/**
 * Looks whether a frame's payload is a JSON object where one is due, without a word on what the object holds: a batch
 * is checked whole before any of its frames takes effect.
 *
 * @throws AppError `protocol_violation`
 */
export function assertWellFormed(sender: "client" | "server", frame: Frame): void {
  const name = messageNames.get(frame.type);
  if (name === undefined || isBinary(name)) return;
  const direction = directionOf(name);
  if (direction !== "both" && direction !== sender) return;
  try {
    parsePayload(frame);
  } catch (error) {
    // what is wrong in itself is answered in the frame's turn
    if (!(error instanceof AppError) || error.code === "protocol_violation") throw error;
  }
}

/**
 * Makes the frame of a message. The payload is not checked against its schema: the sender's types are.
 *
 * @throws AppError `invalid_argument` for what has no JSON form: a cycle, a bigint.
 */
export function encodeMessage<Name extends MessageName>(name: Name, payload: PayloadInput<Name>): Frame {
  const type = messageTypes[name];
  if (isBinary(name)) return { type, payload: encodeChannelFrame(payload as PayloadInput<BinaryMessageName>) };
  return { type, payload: encodeJson(payload) };
}

const utf8 = new TextEncoder();

function encodeJson(payload: unknown): Uint8Array {
  try {
    return utf8.encode(JSON.stringify(payload));
  } catch (error) {
    throw new AppError("invalid_argument", "payload has no json form", { cause: error });
  }
}

/** The one place where a name and the payload that its schema gave are tied together for the compiler. */
function toMessage(name: MessageName, payload: unknown): Message {
  return { name, type: messageTypes[name], payload } as Message;
}

function assertJsonSizes(name: MessageName, payload: Readonly<Record<string, unknown>>): void {
  for (const path of boundedJson[name] ?? []) {
    const json = JSON.stringify(payload[path]);
    if (json === undefined || utf8Bytes(json) <= maxTaskJsonBytes) continue;
    const message = `must be at most ${maxTaskJsonBytes} bytes as JSON`;
    throw new AppError("invalid_argument", `${path}: ${message}`, { details: [{ path, message }] });
  }
}

function unknownType(type: number, what: string): AppError {
  return new AppError("invalid_argument", `${what} 0x${type.toString(16).padStart(4, "0")}`, {
    reason: "unknown_type",
  });
}
