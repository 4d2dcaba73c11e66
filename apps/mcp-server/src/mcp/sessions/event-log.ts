import { randomBytes } from "node:crypto";
import type { FanOut, OpenStream, SessionStore } from "@devmesh/adapters";
import type { NodeId } from "@devmesh/models";
import type { JSONRPCMessage, RequestId } from "@modelcontextprotocol/server";
import type { SseSink } from "../../http/sse.ts";
import { follow, primingFrame, resumeHere } from "./follower.ts";
import { createFollowers } from "./followers.ts";
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

/** The answer of requests that are still worked on when the session's server closes. */
function stoppedError(id: RequestId): JSONRPCMessage {
  return {
    jsonrpc: "2.0",
    id,
    error: { code: -32_603, message: "the request was broken off: its server is stopping" },
  };
}

/** Whoever reads the stream along at another node looks again. */
function poke({ store, fanOut, sessionId }: EventLogDeps, stream: string): void {
  if (store.isShared) void fanOut.publish(sessionChannel(sessionId), stream);
}

/** So that other nodes know where the answer will come from. */
async function noteOpen({ store, sessionId, logger }: EventLogDeps, open: OpenStream): Promise<void> {
  try {
    await store.openStream(sessionId, open);
  } catch (err) {
    logger.debug({ err, sessionId }, "a request of a session was not noted");
  }
}

const noMessage: JSONRPCMessage = { jsonrpc: "2.0", method: "" };

interface Working {
  readonly requestId: RequestId;
  seq: number;
}

export function createEventLog(deps: EventLogDeps): EventLog {
  const { sessionId, nodeId, store } = deps;
  const working = new Map<string, Working>();
  const followers = createFollowers();
  const kept = new Set<Promise<void>>();
  let own: { seq: number } | undefined;

  async function keep(event: ToldEvent): Promise<void> {
    const isKept = await keepEvent(deps, event);
    if (!followers.isFollowed(event.stream)) poke(deps, event.stream);
    if (!event.isOwn || isKept !== false) return;
    // the session's own stream is at another node now
    own = undefined;
    followers.detach(ownStream);
  }

  function tell(stream: string, message: JSONRPCMessage, closes = false): void {
    const isOwn = stream === ownStream;
    const state = isOwn ? own : working.get(stream);
    if (state === undefined) return;
    state.seq += 1;
    const text = JSON.stringify(message);
    followers.write(stream, state.seq, text);
    const keeping = keep({ stream, seq: state.seq, message, text, closes, isOwn });
    kept.add(keeping);
    void keeping.finally(() => kept.delete(keeping));
    if (closes && working.delete(stream)) followers.detach(stream);
  }

  return {
    open(requestId, sink, primes) {
      const stream = randomBytes(12).toString("base64url");
      if (primes) sink.write(primingFrame(stream, 0));
      working.set(stream, { requestId, seq: 0 });
      followers.attach(stream, follow({ stream, sink, afterSeq: 0 }));
      void noteOpen(deps, { stream, nodeId, requestId });
      return stream;
    },
    tell,
    end(stream) {
      if (!working.delete(stream)) return;
      // numbered nought, it is read by nobody
      void keepEvent(deps, { stream, seq: 0, message: noMessage, text: "{}", closes: true, isOwn: false });
      followers.detach(stream);
    },
    cut: (stream) => followers.detach(stream),
    async resume(stream, afterSeq, sink) {
      const isHere = working.has(stream);
      const follower = (isHere ? resumeHere : readAlong)({ ...deps, stream, sink, afterSeq });
      followers.attach(stream, follower);
      await follower.catchUp();
      // answered while the store was read
      if (isHere && !working.has(stream)) follower.close();
    },
    async takeOwn(afterSeq, sink, primes) {
      // while the store is away the session is on this node alone, and so is its stream
      const seq = await store.moveStream(sessionId, ownStream, nodeId).catch(() => 0);
      own = { seq: Math.max(seq, own?.seq ?? 0) };
      if (primes) sink.write(primingFrame(ownStream, afterSeq ?? own.seq));
      const follower = resumeHere({ ...deps, stream: ownStream, sink, afterSeq: afterSeq ?? own.seq });
      followers.attach(ownStream, follower);
      await follower.catchUp();
    },
    taken(stream) {
      followers.detach(stream);
      poke(deps, stream);
    },
    get isBusy() {
      return working.size > 0 || followers.hasOpen();
    },
    async [Symbol.asyncDispose]() {
      for (const [stream, { requestId }] of working) tell(stream, stoppedError(requestId), true);
      await Promise.all(kept);
      followers.detachAll();
    },
  };
}
