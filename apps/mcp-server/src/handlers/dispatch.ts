import { AppError, toAppError } from "@devmesh/models";
import {
  type Frame,
  groupOf,
  isBinary,
  type Message,
  type MessageName,
  messageNames,
  parseMessageFrom,
  parsePayload,
  readFrameRequestId,
  readRequestId,
} from "@devmesh/protocol";
import type { Connection } from "../connections/connection.ts";
import { assertWelcomed, isWelcomed } from "../connections/connection-state.ts";
import type { ServerContext } from "../server-context.ts";
import { accept, complete, extend, fail, needInput, progress, reject } from "./assignment-word.ts";
import { acknowledge, leave, ping, takeNote } from "./connection-frames.ts";
import { deregister } from "./deregister.ts";
import { discover } from "./discover.ts";
import { getTask } from "./get-task.ts";
import type { Handler } from "./handler.ts";
import { greet } from "./hello.ts";
import { register } from "./register.ts";
import { send } from "./send.ts";
import { submit } from "./submit.ts";
import { subscribe, unsubscribe } from "./subscribe.ts";
import { update } from "./update.ts";

/** What this server does for a client, by message. */
const handlers = {
  HELLO: greet,
  PING: ping,
  PONG: takeNote,
  ERROR: takeNote,
  ACK: acknowledge,
  GOODBYE: leave,
  AGENT_REGISTER: register,
  AGENT_UPDATE: update,
  AGENT_DISCOVER: discover,
  AGENT_DEREGISTER: deregister,
  TASK_ACCEPT: accept,
  TASK_REJECT: reject,
  TASK_PROGRESS: progress,
  TASK_COMPLETE: complete,
  TASK_FAIL: fail,
  TASK_EXTEND: extend,
  TASK_NEEDS_INPUT: needInput,
  TASK_SUBMIT: submit,
  TASK_GET: getTask,
  SEND: send,
  SUBSCRIBE: subscribe,
  UNSUBSCRIBE: unsubscribe,
} as const satisfies { readonly [Name in MessageName]?: Handler<Name> };

type HandledName = keyof typeof handlers;

/**
 * Handles one frame of a client: at once, or, where it has to wait, beside those that follow. Whatever goes wrong is
 * answered with ERROR and stays with this connection; what is malformed ends it.
 */
export function dispatch(context: ServerContext, connection: Connection, frame: Frame): void {
  try {
    const message = readMessage(connection, frame);
    if (isHandled(message)) run(context, connection, { message, frame });
    else throw notOffered(message.name);
  } catch (error) {
    const known = toAppError(error);
    if (known.code === "protocol_violation") connection.fault(known);
    else connection.sendError(known, { re: readFrameRequestId(frame), type: frame.type });
  }
}

interface Received {
  readonly message: Message<HandledName>;
  readonly frame: Frame;
}

function run(context: ServerContext, connection: Connection, { message, frame }: Received): void {
  // heartbeats and acknowledgements are no requests and never wait
  const isRequest = groupOf(message.type) !== "connection" || message.name === "HELLO";
  const bytes = frame.payload.byteLength;
  if (isRequest) connection.beginRequest(bytes);
  const end = (): void => {
    if (isRequest) connection.endRequest(bytes);
  };
  try {
    // the table gives each name the handler of its own payload
    const handle = handlers[message.name] as Handler<MessageName>;
    const done = handle(context, connection, message.payload as never);
    if (done === undefined) end();
    else
      void done
        .catch((error: unknown) => refuse(connection, error, message))
        .catch((error: unknown) => connection.fault(error))
        .finally(end);
  } catch (error) {
    end();
    refuse(connection, error, message);
  }
}

function refuse(connection: Connection, error: unknown, { name, type, payload }: Message<HandledName>): void {
  const known = toAppError(error);
  const re = "id" in payload ? payload.id : undefined;
  const isSilent = name === "TASK_PROGRESS" && re === undefined;
  const told = isSilent ? withDetails(known, { assignmentId: payload.assignmentId }) : known;
  connection.sendError(told, { re, type });
}

/** An ERROR without `re` says what it is about. */
function withDetails(error: AppError, details: unknown): AppError {
  const { code, message, reason, retryAfterMs } = error;
  return new AppError(code, message, { reason, retryAfterMs, details, cause: error });
}

/** What is malformed comes before what is out of order, and that before what is wrong in itself. */
function readMessage(connection: Connection, frame: Frame): Message {
  const name = messageNames.get(frame.type);
  const isJson = name !== undefined && !isBinary(name);
  if (name !== "HELLO" && !isWelcomed(connection.state)) {
    if (isJson) parsePayload(frame);
    assertWelcomed(connection.state);
  }
  if (name !== undefined && isNotOffered(name)) {
    if (isJson) assertRequestId(parsePayload(frame));
    throw notOffered(name);
  }
  return parseMessageFrom("client", frame);
}

function isHandled(message: Message): message is Message<HandledName> {
  return message.name in handlers;
}

/** Groups that this server doesn't have yet, whatever their frames hold. */
function isNotOffered(name: MessageName): boolean {
  return notOfferedNames.has(name);
}

const notOfferedNames: ReadonlySet<MessageName> = new Set<MessageName>([
  "DOC_OPEN",
  "DOC_UPDATE",
  "DOC_AWARENESS",
  "DOC_CLOSE",
]);

function notOffered(name: MessageName): AppError {
  return new AppError("failed_precondition", `${name} is not offered by this server`, { reason: "not_offered" });
}

function assertRequestId(payload: Readonly<Record<string, unknown>>): void {
  if (!Object.hasOwn(payload, "id") || readRequestId(payload) !== undefined) return;
  const message = "must be a string of 1 to 64 characters";
  throw new AppError("invalid_argument", `id: ${message}`, { details: [{ path: "id", message }] });
}
