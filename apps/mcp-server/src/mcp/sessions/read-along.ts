import type { FanOut, OpenStream } from "@devmesh/adapters";
import type { NodeId } from "@devmesh/models";
import { follow, type ResumedFollower, type ResumeOptions } from "./follower.ts";
import { type NodeMail, sessionChannel } from "./node-mail.ts";

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
  const { sessionId, stream, store, sink, fanOut, mail, logger } = options;
  const follower = follow(options);
  const isGone = createAbsenceCheck(options.isAlive);
  let subscribing: Promise<() => Promise<void>> | undefined;

  /** Who works on it is asked before the events are read: the answer is among them then. */
  async function readOnce(): Promise<OpenStream | undefined> {
    const open = await findOpen(options);
    for (const { seq, message } of await store.read(sessionId, stream, follower.lastSeq)) follower.write(seq, message);
    if (open === undefined) close();
    return open;
  }

  const read = oneAtATime(readOnce, () => sink.isClosed);

  async function look(): Promise<void> {
    if (sink.isClosed) return close();
    const open = await readOnce();
    if (open === undefined || !(await isGone(open.nodeId))) return;
    const message = JSON.stringify(goneError(open));
    await store.append(sessionId, { stream, seq: follower.lastSeq + 1, message, closes: true });
    await read();
  }

  const attempt = (work: () => Promise<void>): void =>
    void work().catch((err: unknown) => logger.debug({ err, sessionId }, "a stream of another node was not read"));
  const looking = setInterval(() => attempt(look), lookMs);

  function close(): void {
    clearInterval(looking);
    sink.close();
    void subscribing?.then((end) => end());
    subscribing = undefined;
  }

  return {
    write: (seq, text) => follower.write(seq, text),
    close,
    async catchUp() {
      subscribing = fanOut.subscribe(sessionChannel(sessionId), (name) => {
        if (name === stream) attempt(read);
      });
      await subscribing;
      const open = await findOpen(options);
      if (open !== undefined) await mail.send(open.nodeId, { session: sessionId, taken: stream });
      await read();
    },
    get isClosed() {
      return sink.isClosed;
    },
  };
}

/** The request that the stream belongs to, and the node that works on it; undefined once it is answered. */
async function findOpen({ store, sessionId, stream }: ResumeOptions): Promise<OpenStream | undefined> {
  const open = await store.findOpen(sessionId);
  return open.find((one) => one.stream === stream);
}

/** Says that a node is gone when it was found so twice in a row: one that has just started may not have said so yet. */
function createAbsenceCheck(isAlive: ReadAlongOptions["isAlive"]): (nodeId: NodeId) => Promise<boolean> {
  let absences = 0;
  return async (nodeId) => {
    absences = (await isAlive(nodeId)) === false ? absences + 1 : 0;
    return absences >= 2;
  };
}

/** Runs `work`; whoever asks while it runs has it run once more after that, and does not wait. */
function oneAtATime(work: () => Promise<unknown>, isOver: () => boolean): () => Promise<void> {
  let isRunning = false;
  let isDue = false;
  return async () => {
    isDue = true;
    if (isRunning) return;
    isRunning = true;
    try {
      while (isDue && !isOver()) {
        isDue = false;
        await work();
      }
    } finally {
      isRunning = false;
    }
  };
}

function goneError({ requestId }: OpenStream): Readonly<Record<string, unknown>> {
  const error = { code: -32_603, message: "the node that worked on this request is gone" };
  return { jsonrpc: "2.0", id: requestId, error };
}
