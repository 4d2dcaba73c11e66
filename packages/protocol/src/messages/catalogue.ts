import { ackSchema } from "./ack.ts";
import { agentDeregisterSchema } from "./agent-deregister.ts";
import { agentDiscoverSchema, agentListSchema } from "./agent-discover.ts";
import { agentRegisteredSchema, agentRegisterSchema } from "./agent-register.ts";
import { agentUpdateRequestSchema } from "./agent-update.ts";
import { docCloseSchema } from "./doc-close.ts";
import { docOpenedSchema, docOpenSchema } from "./doc-open.ts";
import { errorSchema } from "./error.ts";
import { eventSchema } from "./event.ts";
import { goodbyeSchema } from "./goodbye.ts";
import { helloSchema } from "./hello.ts";
import { deliveredMessageSchema } from "./message.ts";
import { pingSchema, pongSchema } from "./ping.ts";
import { sendSchema, sentSchema } from "./send.ts";
import { subscribedSchema, subscribeSchema, unsubscribeSchema } from "./subscribe.ts";
import { taskAcceptSchema } from "./task-accept.ts";
import { taskAssignSchema } from "./task-assign.ts";
import { taskCancelSchema } from "./task-cancel.ts";
import { taskCompleteSchema } from "./task-complete.ts";
import { taskExtendSchema } from "./task-extend.ts";
import { taskFailSchema } from "./task-fail.ts";
import { taskGetSchema } from "./task-get.ts";
import { taskNeedsInputSchema } from "./task-needs-input.ts";
import { taskProgressSchema } from "./task-progress.ts";
import { taskRecordedSchema } from "./task-recorded.ts";
import { taskRejectSchema } from "./task-reject.ts";
import { taskStatusSchema } from "./task-status.ts";
import { taskSubmitSchema } from "./task-submit.ts";
import { welcomeSchema } from "./welcome.ts";

/** The type of every message, by name. What is not here is reserved; 0xF000–0xFFFF are free for private use. */
export const messageTypes = {
  HELLO: 0x0001,
  WELCOME: 0x0002,
  PING: 0x0003,
  PONG: 0x0004,
  ERROR: 0x0005,
  ACK: 0x0006,
  GOODBYE: 0x0007,
  AGENT_REGISTER: 0x0101,
  AGENT_REGISTERED: 0x0102,
  AGENT_UPDATE: 0x0103,
  AGENT_DISCOVER: 0x0104,
  AGENT_LIST: 0x0105,
  AGENT_DEREGISTER: 0x0106,
  TASK_ASSIGN: 0x0201,
  TASK_ACCEPT: 0x0202,
  TASK_REJECT: 0x0203,
  TASK_PROGRESS: 0x0204,
  TASK_COMPLETE: 0x0205,
  TASK_FAIL: 0x0206,
  TASK_CANCEL: 0x0207,
  TASK_EXTEND: 0x0208,
  TASK_RECORDED: 0x0209,
  TASK_SUBMIT: 0x020a,
  TASK_GET: 0x020b,
  TASK_STATUS: 0x020c,
  TASK_NEEDS_INPUT: 0x020d,
  SEND: 0x0301,
  SENT: 0x0302,
  MESSAGE: 0x0303,
  SUBSCRIBE: 0x0304,
  SUBSCRIBED: 0x0305,
  UNSUBSCRIBE: 0x0306,
  EVENT: 0x0307,
  DOC_OPEN: 0x0401,
  DOC_OPENED: 0x0402,
  DOC_UPDATE: 0x0403,
  DOC_AWARENESS: 0x0404,
  DOC_CLOSE: 0x0405,
} as const;

/** A message by its name in docs/protocol.md. */
export type MessageName = keyof typeof messageTypes;

/** The messages whose payload is binary: a channel, then bytes. */
export type BinaryMessageName = "DOC_UPDATE" | "DOC_AWARENESS";
/** The messages whose payload is a JSON object. */
export type JsonMessageName = Exclude<MessageName, BinaryMessageName>;

/** The schema of every JSON payload. */
export const messageSchemas = {
  HELLO: helloSchema,
  WELCOME: welcomeSchema,
  PING: pingSchema,
  PONG: pongSchema,
  ERROR: errorSchema,
  ACK: ackSchema,
  GOODBYE: goodbyeSchema,
  AGENT_REGISTER: agentRegisterSchema,
  AGENT_REGISTERED: agentRegisteredSchema,
  AGENT_UPDATE: agentUpdateRequestSchema,
  AGENT_DISCOVER: agentDiscoverSchema,
  AGENT_LIST: agentListSchema,
  AGENT_DEREGISTER: agentDeregisterSchema,
  TASK_ASSIGN: taskAssignSchema,
  TASK_ACCEPT: taskAcceptSchema,
  TASK_REJECT: taskRejectSchema,
  TASK_PROGRESS: taskProgressSchema,
  TASK_COMPLETE: taskCompleteSchema,
  TASK_FAIL: taskFailSchema,
  TASK_CANCEL: taskCancelSchema,
  TASK_EXTEND: taskExtendSchema,
  TASK_RECORDED: taskRecordedSchema,
  TASK_SUBMIT: taskSubmitSchema,
  TASK_GET: taskGetSchema,
  TASK_STATUS: taskStatusSchema,
  TASK_NEEDS_INPUT: taskNeedsInputSchema,
  SEND: sendSchema,
  SENT: sentSchema,
  MESSAGE: deliveredMessageSchema,
  SUBSCRIBE: subscribeSchema,
  SUBSCRIBED: subscribedSchema,
  UNSUBSCRIBE: unsubscribeSchema,
  EVENT: eventSchema,
  DOC_OPEN: docOpenSchema,
  DOC_OPENED: docOpenedSchema,
  DOC_CLOSE: docCloseSchema,
} as const;

/** Who sends it: `client` is the agent, `server` the mesh. */
export type Direction = "client" | "server" | "both";

const fromBoth: ReadonlySet<MessageName> = new Set(["PING", "PONG", "ERROR", "GOODBYE", "DOC_UPDATE", "DOC_AWARENESS"]);

const fromServer: ReadonlySet<MessageName> = new Set([
  "WELCOME",
  "AGENT_REGISTERED",
  "AGENT_LIST",
  "TASK_ASSIGN",
  "TASK_CANCEL",
  "TASK_RECORDED",
  "TASK_STATUS",
  "SENT",
  "MESSAGE",
  "SUBSCRIBED",
  "EVENT",
  "DOC_OPENED",
]);

/** Who sends messages of this name. */
export function directionOf(name: MessageName): Direction {
  if (fromBoth.has(name)) return "both";
  return fromServer.has(name) ? "server" : "client";
}

/** The groups of messages, in the order of the high byte of their types. A server may offer some of them only. */
export const messageGroups = ["connection", "registry", "tasks", "messages", "documents"] as const;

/** One of {@link messageGroups}. */
export type MessageGroup = (typeof messageGroups)[number];

/** The group of a message type; undefined for reserved and private types. */
export function groupOf(type: number): MessageGroup | undefined {
  return messageNames.has(type) ? messageGroups[type >> 8] : undefined;
}

/** The name of every known type. */
export const messageNames: ReadonlyMap<number, MessageName> = new Map(
  // Object.entries forgets the names
  (Object.keys(messageTypes) as MessageName[]).map((name) => [messageTypes[name], name]),
);

/** True for messages whose payload is bytes instead of JSON. */
export function isBinary(name: MessageName): name is BinaryMessageName {
  return name === "DOC_UPDATE" || name === "DOC_AWARENESS";
}
