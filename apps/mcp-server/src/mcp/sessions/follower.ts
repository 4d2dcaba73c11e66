import type { SessionStore, StreamEvent } from "@devmesh/adapters";
import type { Logger } from "@devmesh/observability";
import type { SseSink } from "../../http/sse.ts";

/** One response that follows a stream. Each event is written once, in order. */
export interface Follower {
  /** What this node has told just now. */
  write(seq: number, text: string): void;
  close(): void;
  readonly isClosed: boolean;
}

/** A follower that says how far it is. */
export interface CountingFollower extends Follower {
  /** The number of the event that was written last. */
  readonly lastSeq: number;
}

/** A follower that first catches up with what the store has. */
export interface ResumedFollower extends Follower {
  catchUp(): Promise<void>;
}

export interface FollowOptions {
  readonly stream: string;
  readonly sink: SseSink;
  readonly afterSeq: number;
}

export interface ResumeOptions extends FollowOptions {
  readonly sessionId: string;
  readonly store: SessionStore;
  readonly logger: Logger;
}

/** Follows a stream from its first event, on the node that works on it. */
export function follow({ stream, sink, afterSeq }: FollowOptions): CountingFollower {
  let lastSeq = afterSeq;
  return {
    write(seq, text) {
      if (seq <= lastSeq) return;
      lastSeq = seq;
      sink.write(toFrame(stream, seq, text));
    },
    close: () => sink.close(),
    get isClosed() {
      return sink.isClosed;
    },
    get lastSeq() {
      return lastSeq;
    },
  };
}

/** Goes on with a stream of this node: what is told while the store is read waits its turn. */
export function resumeHere(options: ResumeOptions): ResumedFollower {
  const { sink } = options;
  const follower = follow(options);
  let waiting: [seq: number, text: string][] | undefined = [];
  return {
    write(seq, text) {
      if (waiting === undefined) follower.write(seq, text);
      else waiting.push([seq, text]);
    },
    async catchUp() {
      for (const { seq, message } of await readEvents(options)) follower.write(seq, message);
      for (const [seq, text] of waiting ?? []) follower.write(seq, text);
      waiting = undefined;
    },
    close: () => sink.close(),
    get isClosed() {
      return sink.isClosed;
    },
  };
}

/** Nothing, where the store is away: what is told from now on arrives all the same. */
async function readEvents({
  store,
  sessionId,
  stream,
  afterSeq,
  logger,
}: ResumeOptions): Promise<readonly StreamEvent[]> {
  try {
    return await store.read(sessionId, stream, afterSeq);
  } catch (err) {
    logger.debug({ err, sessionId }, "a stream goes on without what came before");
    return [];
  }
}

/** How soon a client comes back whose response was cut. Judgement. */
const retryMs = 1_000;

/** Tells the client where it is before anything has been told, and when to come back. Revision 2025-11-25 and later. */
export function primingFrame(stream: string, seq: number): string {
  return `id: ${stream}.${seq}\nretry: ${retryMs}\ndata: \n\n`;
}

function toFrame(stream: string, seq: number, text: string): string {
  return `event: message\nid: ${stream}.${seq}\ndata: ${text}\n\n`;
}
