import type { FanOut, OpenStream, SessionStore, StreamEvent } from "@devmesh/adapters";
import type { NodeId } from "@devmesh/models";
import type { Logger } from "@devmesh/observability";
import type { SseSink } from "../../http/sse.ts";
import { type NodeMail, sessionChannel } from "./node-mail.ts";

/** One response that follows a stream. Each event is written once, in order. */
export interface Follower {
  /** What this node has told just now. */
  write(seq: number, text: string): void;
  close(): void;
  readonly isClosed: boolean;
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
export function follow({ stream, sink, afterSeq }: FollowOptions): Follower {
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

export interface ReadAlongOptions extends ResumeOptions {
  readonly fanOut: Pick<FanOut, "subscribe">;
  readonly mail: Pick<NodeMail, "send">;
  /** Whether a node lives; undefined where that is not known. */
  readonly isAlive: (nodeId: NodeId) => Promise<boolean | undefined>;
}

/** Between two looks at a stream of another node, in case a hint was lost. Judgement. */
const lookMs = 5_000;

/** Reads a stream along that another node works on, until it is answered, or that node is gone. */
export function readAlong(options: ReadAlongOptions): ResumedFollower {
  const { sessionId, stream, store, sink, logger } = options;
  let lastSeq = options.afterSeq;
  let isReading = false;
  let isDue = false;
  let absences = 0;
  let ending: Promise<() => Promise<void>> | undefined;

  function write(seq: number, text: string): void {
    if (seq <= lastSeq) return;
    lastSeq = seq;
    sink.write(toFrame(stream, seq, text));
  }

  const findOpen = async (): Promise<OpenStream | undefined> =>
    (await store.findOpen(sessionId)).find((open) => open.stream === stream);

  /** Who works on it is asked before the events are read: the answer is among them then. */
  async function readOnce(): Promise<OpenStream | undefined> {
    const open = await findOpen();
    for (const { seq, message } of await store.read(sessionId, stream, lastSeq)) write(seq, message);
    if (open === undefined) close();
    return open;
  }

  async function read(): Promise<void> {
    isDue = true;
    if (isReading) return;
    isReading = true;
    try {
      while (isDue && !sink.isClosed) {
        isDue = false;
        await readOnce();
      }
    } finally {
      isReading = false;
    }
  }

  async function look(): Promise<void> {
    if (sink.isClosed) return close();
    const open = await readOnce();
    if (open === undefined) return;
    absences = (await options.isAlive(open.nodeId)) === false ? absences + 1 : 0;
    // one that has just started may not have said so yet
    if (absences < 2) return;
    const message = JSON.stringify(goneError(open));
    await store.append(sessionId, { stream, seq: lastSeq + 1, message, closes: true });
    await read();
  }

  const attempt = (work: () => Promise<void>): void =>
    void work().catch((err: unknown) => logger.debug({ err, sessionId }, "a stream of another node was not read"));
  const looking = setInterval(() => attempt(look), lookMs);

  function close(): void {
    clearInterval(looking);
    sink.close();
    void ending?.then((end) => end());
    ending = undefined;
  }

  return {
    write,
    close,
    async catchUp() {
      ending = options.fanOut.subscribe(sessionChannel(sessionId), (name) => {
        if (name === stream) attempt(read);
      });
      await ending;
      const open = await findOpen();
      if (open !== undefined) await options.mail.send(open.nodeId, { session: sessionId, taken: stream });
      await read();
    },
    get isClosed() {
      return sink.isClosed;
    },
  };
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

function goneError({ requestId }: OpenStream): Readonly<Record<string, unknown>> {
  const error = { code: -32_603, message: "the node that worked on this request is gone" };
  return { jsonrpc: "2.0", id: requestId, error };
}
