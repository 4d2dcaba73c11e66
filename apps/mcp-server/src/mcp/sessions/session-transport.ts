import type { NodeId } from "@devmesh/models";
import {
  isJSONRPCRequest,
  isJSONRPCResponse,
  type JSONRPCMessage,
  type JSONRPCRequest,
  type JSONRPCResponse,
  type MessageExtraInfo,
  type RequestId,
  type Transport,
} from "@modelcontextprotocol/server";
import type { SseSink } from "../../http/sse.ts";
import { type EventLog, ownStream } from "./event-log.ts";

/** Carries the messages of one session between its server and whatever responses are open on this node. */
export interface SessionTransport extends Transport {
  /** Takes a request; its answer, and what belongs to it, goes to its sink. */
  request(message: JSONRPCRequest, extra: MessageExtraInfo, to: AnswerTo): void;
  /** Takes a notification, or an answer to a request of this very transport. */
  accept(message: JSONRPCMessage, extra: MessageExtraInfo): void;
  /** Says a request to the server as if the client had; its answer goes to nobody else. */
  replay(message: JSONRPCMessage, extra: MessageExtraInfo): Promise<void>;
  isWorkingOn(requestId: RequestId): boolean;
}

/** Where an answer goes; `primes` where the client understands an event without data. */
export interface AnswerTo {
  readonly sink: SseSink;
  readonly primes: boolean;
}

export interface SessionTransportOptions {
  readonly sessionId: string;
  readonly nodeId: NodeId;
  /** Tells this transport from all others of the session, now and later. */
  readonly name: string;
  readonly log: EventLog;
}

/** The node that waits for the answer with this id, and the id as its server knows it. */
export interface AskedId {
  readonly nodeId: NodeId;
  readonly transport: string;
  readonly id: number;
}

/** Ids of requests to the client name who asked: every node that has the session counts from nought. */
export function parseAskedId(id: RequestId): AskedId | undefined {
  const [, nodeId, transport, count] = /^([0-9a-f-]{36})\/([\w-]{1,36})\/(\d{1,15})$/.exec(String(id)) ?? [];
  if (nodeId === undefined || transport === undefined) return undefined;
  return { nodeId: nodeId as NodeId, transport, id: Number(count) };
}

export function createSessionTransport(options: SessionTransportOptions): SessionTransport {
  const { sessionId, nodeId, name, log } = options;
  const streams = new Map<RequestId, string>();
  const replays = new Map<RequestId, () => void>();

  function tellAnswer(answer: JSONRPCResponse): void {
    const id = answer.id ?? "";
    const replayed = replays.get(id);
    replays.delete(id);
    const stream = streams.get(id);
    streams.delete(id);
    if (stream !== undefined) log.tell(stream, answer, true);
    replayed?.();
  }

  const transport: SessionTransport = {
    sessionId,
    start: () => Promise.resolve(),
    send(message, about) {
      if (isJSONRPCResponse(message)) tellAnswer(message);
      else {
        const related = about?.relatedRequestId;
        const stream = related === undefined ? ownStream : (streams.get(related) ?? ownStream);
        const isRequest = isJSONRPCRequest(message);
        log.tell(stream, isRequest ? { ...message, id: `${nodeId}/${name}/${message.id}` } : message);
      }
      return Promise.resolve();
    },
    close() {
      // a replay that will get no answer must not wait for one
      for (const done of replays.values()) done();
      replays.clear();
      transport.onclose?.();
      return Promise.resolve();
    },
    request(message, extra, { sink, primes }) {
      const stream = log.open(message.id, sink, primes);
      streams.set(message.id, stream);
      transport.onmessage?.(message, { ...extra, ...streamClosers(log, stream) });
    },
    accept(message, extra) {
      if (isCancelled(message)) {
        transport.onmessage?.(message, extra);
        // a request that was cancelled is not answered
        const stream = streams.get(message.params.requestId);
        streams.delete(message.params.requestId);
        if (stream !== undefined) log.end(stream);
        return;
      }
      if (!isJSONRPCResponse(message)) return transport.onmessage?.(message, extra);
      const asked = parseAskedId(message.id ?? "");
      if (asked?.transport === name) transport.onmessage?.({ ...message, id: asked.id }, extra);
    },
    async replay(message, extra) {
      if (!isJSONRPCRequest(message)) return transport.onmessage?.(message, extra);
      const answered = new Promise<void>((resolve) => replays.set(message.id, resolve));
      transport.onmessage?.(message, extra);
      await answered;
    },
    isWorkingOn: (requestId) => streams.has(requestId),
  };
  return transport;
}

/** What a handler may ask for: the client comes back for the rest, after a while. */
function streamClosers(log: EventLog, stream: string): Pick<MessageExtraInfo, "closeSSEStream"> {
  return { closeSSEStream: () => log.cut(stream) };
}

/** The word that a request is not needed any more. */
export function isCancelled(message: JSONRPCMessage): message is CancelledMessage {
  if (!("method" in message) || message.method !== "notifications/cancelled") return false;
  const requestId = message.params?.["requestId"];
  return typeof requestId === "string" || typeof requestId === "number";
}

type CancelledMessage = JSONRPCMessage & { readonly params: { readonly requestId: RequestId } };
