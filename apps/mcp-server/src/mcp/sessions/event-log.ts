import { randomBytes } from "node:crypto";
import type { FanOut, OpenStream, SessionStore } from "@devmesh/adapters";
import type { NodeId } from "@devmesh/models";
import type { JSONRPCMessage, RequestId } from "@modelcontextprotocol/server";
import type { SseSink } from "../../http/sse.ts";
import { follow, primingFrame, resumeHere } from "./follower.ts";
import { createFollowers, type Followers } from "./followers.ts";
import { type KeepDeps, keepEvent, type ToldEvent } from "./keep-event.ts";
import { type NodeMail, sessionChannel } from "./node-mail.ts";
import { readAlong } from "./read-along.ts";

/** The name of a session's own stream: what the client is told without having asked. */
export const ownStream = "own";

export interface EventLogDeps extends KeepDeps {
  readonly store: SessionStore;
  readonly fanOut: Pick<FanOut, "publish" | "subscribe">;
  readonly mail: Pick<NodeMail, "send">;
  /** Whether a node lives; undefined where that is not known. */
  readonly isAlive: (nodeId: NodeId) => Promise<boolean | undefined>;
}

/**
 * What one session is told on this node. Each request has a stream of its own, and the session has one. A message goes to
 * the response that is open for its stream, and into the store: a client whose response was cut goes on where it was, at
 * this node or another.
 */
export interface EventLog extends AsyncDisposable {
  /** Begins the stream of a request that this node works on, and gives its name. */
  open(requestId: RequestId, sink: SseSink, primes: boolean): string;
  /** Tells the client. What belongs to no open stream is dropped; `closes` says that it is the answer. */
  tell(stream: string, message: JSONRPCMessage, closes?: boolean): void;
  /** Ends a stream without an answer. */
  end(stream: string): void;
  /** Ends the response, not the stream: the client comes back for the rest. */
  cut(stream: string): void;
  /** Goes on with a stream after the event of that number, whichever node works on it. */
  resume(stream: string, afterSeq: number, sink: SseSink): Promise<void>;
  /** Brings the session's own stream to this node; from now on, where `afterSeq` is not given. */
  takeOwn(afterSeq: number | undefined, sink: SseSink, primes: boolean): Promise<void>;
  /** Another node has taken the stream's client: it reads along from now on. */
  taken(stream: string): void;
  /** Open responses, and requests that are worked on. */
  readonly isBusy: boolean;
}

/** A request that this node works on, and the number of the last event of its stream. */
interface Working {
  readonly requestId: RequestId;
  seq: number;
}

interface LogState {
  readonly working: Map<string, Working>;
  readonly followers: Followers;
  /** Events that are being written to the store. */
  readonly keeping: Set<Promise<void>>;
  /** The session's own stream, where it is at this node. */
  own: { seq: number } | undefined;
}

/** Makes the log of a session that has told nothing here yet. */
export function createEventLog(deps: EventLogDeps): EventLog {
  const state: LogState = { working: new Map(), followers: createFollowers(), keeping: new Set(), own: undefined };
  const { working, followers, keeping } = state;
  return {
    open: (requestId, sink, primes) => open(deps, state, { requestId, sink, primes }),
    tell: (stream, message, closes = false) => tell(deps, state, { stream, message, closes }),
    end(stream) {
      if (!working.delete(stream)) return;
      // numbered nought, it is read by nobody
      void keepEvent(deps, { stream, seq: 0, message: noMessage, text: "{}", closes: true, isOwn: false });
      followers.detach(stream);
    },
    cut: (stream) => followers.detach(stream),
    resume: (stream, afterSeq, sink) => resume(deps, state, { stream, afterSeq, sink }),
    takeOwn: (afterSeq, sink, primes) => takeOwn(deps, state, { afterSeq, sink, primes }),
    taken(stream) {
      followers.detach(stream);
      poke(deps, stream);
    },
    get isBusy() {
      return working.size > 0 || followers.hasOpen();
    },
    async [Symbol.asyncDispose]() {
      for (const [stream, { requestId }] of working) {
        tell(deps, state, { stream, message: stoppedError(requestId), closes: true });
      }
      await Promise.all(keeping);
      followers.detachAll();
    },
  };
}

interface Opened {
  readonly requestId: RequestId;
  readonly sink: SseSink;
  readonly primes: boolean;
}

function open(deps: EventLogDeps, { working, followers }: LogState, { requestId, sink, primes }: Opened): string {
  const stream = randomBytes(12).toString("base64url");
  if (primes) sink.write(primingFrame(stream, 0));
  working.set(stream, { requestId, seq: 0 });
  followers.attach(stream, follow({ stream, sink, afterSeq: 0 }));
  void noteOpen(deps, { stream, nodeId: deps.nodeId, requestId });
  return stream;
}

/** So that other nodes know where the answer will come from. */
async function noteOpen({ store, sessionId, logger }: EventLogDeps, opened: OpenStream): Promise<void> {
  try {
    await store.openStream(sessionId, opened);
  } catch (err) {
    logger.debug({ err, sessionId }, "a request of a session was not noted");
  }
}

type Told = Pick<ToldEvent, "stream" | "message" | "closes">;

function tell(deps: EventLogDeps, state: LogState, { stream, message, closes }: Told): void {
  const { working, followers, keeping } = state;
  const isOwn = stream === ownStream;
  const counted = isOwn ? state.own : working.get(stream);
  if (counted === undefined) return;
  counted.seq += 1;
  const text = JSON.stringify(message);
  followers.write(stream, counted.seq, text);
  const kept = keep(deps, state, { stream, seq: counted.seq, message, text, closes, isOwn });
  keeping.add(kept);
  void kept.finally(() => keeping.delete(kept));
  if (closes && working.delete(stream)) followers.detach(stream);
}

async function keep(deps: EventLogDeps, state: LogState, event: ToldEvent): Promise<void> {
  const isKept = await keepEvent(deps, event);
  if (!state.followers.isFollowed(event.stream)) poke(deps, event.stream);
  if (!event.isOwn || isKept !== false) return;
  // the session's own stream is at another node now
  state.own = undefined;
  state.followers.detach(ownStream);
}

/** Whoever reads the stream along at another node looks again. */
function poke({ store, fanOut, sessionId }: EventLogDeps, stream: string): void {
  if (store.isShared) void fanOut.publish(sessionChannel(sessionId), stream);
}

async function resume(
  deps: EventLogDeps,
  { working, followers }: LogState,
  { stream, afterSeq, sink }: { readonly stream: string; readonly afterSeq: number; readonly sink: SseSink },
): Promise<void> {
  const isHere = working.has(stream);
  const follower = (isHere ? resumeHere : readAlong)({ ...deps, stream, sink, afterSeq });
  followers.attach(stream, follower);
  await follower.catchUp();
  // answered while the store was read
  if (isHere && !working.has(stream)) follower.close();
}

async function takeOwn(
  deps: EventLogDeps,
  state: LogState,
  { afterSeq, sink, primes }: { readonly afterSeq: number | undefined } & Omit<Opened, "requestId">,
): Promise<void> {
  const { sessionId, nodeId, store } = deps;
  // while the store is away the session is on this node alone, and so is its stream
  const seq = await store.moveStream(sessionId, ownStream, nodeId).catch(() => 0);
  state.own = { seq: Math.max(seq, state.own?.seq ?? 0) };
  const from = afterSeq ?? state.own.seq;
  if (primes) sink.write(primingFrame(ownStream, from));
  const follower = resumeHere({ ...deps, stream: ownStream, sink, afterSeq: from });
  state.followers.attach(ownStream, follower);
  await follower.catchUp();
}

const noMessage: JSONRPCMessage = { jsonrpc: "2.0", method: "" };

/** The answer of requests that are still worked on when the session's server closes. */
function stoppedError(id: RequestId): JSONRPCMessage {
  const error = { code: -32_603, message: "the request was broken off: its server is stopping" };
  return { jsonrpc: "2.0", id, error };
}
