import { AppError } from "@devmesh/models";
import {
  encodeMessage,
  type Frame,
  MAX_MESSAGE_BYTES,
  type Message,
  type PayloadInput,
  type PayloadOf,
} from "@devmesh/protocol";

/** Which message answers which request. */
interface ReplyNames {
  readonly HELLO: "WELCOME";
  readonly AGENT_REGISTER: "AGENT_REGISTERED";
  readonly AGENT_UPDATE: "AGENT_REGISTERED";
  readonly AGENT_DISCOVER: "AGENT_LIST";
  readonly AGENT_DEREGISTER: "GOODBYE";
  readonly TASK_ACCEPT: "TASK_RECORDED";
  readonly TASK_REJECT: "TASK_RECORDED";
  readonly TASK_PROGRESS: "TASK_RECORDED";
  readonly TASK_COMPLETE: "TASK_RECORDED";
  readonly TASK_FAIL: "TASK_RECORDED";
  readonly TASK_EXTEND: "TASK_RECORDED";
  readonly TASK_NEEDS_INPUT: "TASK_RECORDED";
  readonly TASK_SUBMIT: "TASK_STATUS";
  readonly TASK_GET: "TASK_STATUS";
  readonly SEND: "SENT";
  readonly SUBSCRIBE: "SUBSCRIBED";
  readonly UNSUBSCRIBE: "SUBSCRIBED";
}

/** What can be asked. */
export type RequestName = keyof ReplyNames;
/** The payload of the answer; ERROR is thrown instead. */
export type ReplyTo<Name extends RequestName> = PayloadOf<ReplyNames[Name]>;
/** The payload without its `id`, which is given on sending. */
export type RequestBody<Name extends RequestName> = Omit<PayloadInput<Name>, "id">;

/**
 * - `call`: the user's. Waits its turn, is sent again after a reconnect, and fails with `deadline_exceeded` in the end.
 * - `record`: of an assignment. Goes first, is sent again after a reconnect and on transient errors until it is answered
 *   for good; the caller bounds how many there are.
 * - `once`: goes first and fails with the connection.
 */
export type RequestKind = "call" | "record" | "once";

/** `reason` of the error with which a `once` request ends when its connection drops. */
export const connectionLost = "connection_lost";

/** Room that the envelope of a BATCH may take. */
const maxFrameBytes = MAX_MESSAGE_BYTES - 64;

/** A request under way. Mutable: `Requests` alone changes it. */
export interface PendingRequest {
  readonly id: string;
  readonly name: RequestName;
  readonly kind: RequestKind;
  readonly frame: Frame;
  readonly deadlineMs: number | undefined;
  readonly resolve: (reply: Message) => void;
  readonly reject: (error: AppError) => void;
  /** When it was handed to the present connection, in monotonic milliseconds. */
  sentAtMs: number;
  /** Its caller has an answer; it is kept while the server still owes one, since it counts as in flight. */
  isSettled: boolean;
  tries: number;
  retryAtMs: number;
}

/**
 * Encodes a request.
 *
 * @throws AppError `invalid_argument` for what has no JSON form; `resource_exhausted` for a payload over 10 MiB.
 */
export function encodeRequest(id: string, name: RequestName, body: object): Frame {
  const frame = encodeMessage(name, { id, ...body } as PayloadInput<RequestName>);
  if (frame.payload.byteLength <= maxFrameBytes) return frame;
  throw new AppError(
    "resource_exhausted",
    `${name} of ${frame.payload.byteLength} bytes exceeds the limit of ${maxFrameBytes}`,
    { reason: "payload_too_large" },
  );
}

/** ERROR as the error it stands for. */
export function toReceivedError(payload: PayloadOf<"ERROR">): AppError {
  return new AppError(payload.code, payload.message, {
    reason: payload.reason,
    details: payload.details,
    retryAfterMs: payload.retryAfterMs,
  });
}

/** The error with which a `once` request ends when its connection drops. */
export function lostConnection(): AppError {
  return new AppError("unavailable", "the connection was lost", { reason: connectionLost });
}
