import type { Logger } from "@devmesh/observability";
import { createNudge, runLoop, sleep } from "@devmesh/runtime";
import type { Connection } from "../connections/connection.ts";
import type { AssignFrame, DeliveryAsked, DeliveryFrame, DeliveryStore } from "../stores.ts";
import { gatherTurn } from "../turn.ts";
import { sendDelivery } from "./send-delivery.ts";

export interface DeliveryOptions {
  readonly store: DeliveryStore;
  readonly connections: () => Iterable<Connection>;
  readonly mailboxSweepMs: number;
  /** Looks whether something waits for anybody, in case a hint was lost, and wakes them. */
  readonly look: () => Promise<void>;
  /** A task is too large for one message, and so for this protocol. */
  readonly onUndeliverable: (connection: Connection, frame: AssignFrame) => void;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  readonly logger: Logger;
}

/** Brings to agents what waits for them in the store, in order of `seq`, each once a connection. */
export interface Delivery {
  /** Something waits for this agent, perhaps. Never waits itself. */
  wake(connection: Connection): void;
  /**
   * Sends this at once where nothing else can lie before it; else it is read with the rest. One of unknown age may have
   * ended meanwhile: where there was a wake lately, which may have been for that, the mailbox is read behind it.
   */
  offer(connection: Connection, frame: AssignFrame): void;
  /** Looks for everybody, now and then and after a failure, until `signal` aborts. */
  run(signal: AbortSignal): Promise<void>;
}

/** Agents of one read, reads at a time, and frames an agent in one read: what is read is held in memory. Judgement. */
const maxAgents = 64;
const maxReads = 2;
const maxFrames = 64;
/** Bytes sent to an agent from one read: far from those at which a connection is given up. The store cuts there too. */
const maxBytes = 1_048_576;
/** Until the next look after one that failed. Judgement. */
const retryMs = 1_000;

/** A hint does not come later than this after what it tells of; else a TASK_CANCEL waits for the next look. Judgement. */
const lateMs = 5_000;

/** Makes the delivery of a node. Agents that are woken in one turn of the event loop are read together. */
export function createDelivery(options: DeliveryOptions): Delivery {
  const { store, connections, logger } = options;
  const waiting = new Set<Connection>();
  const nudge = createNudge();
  const wokenAtMs = new WeakMap<Connection, number>();
  let reads = 0;

  function work(): void {
    while (reads < maxReads) {
      const batch = takeReady(waiting);
      if (batch.length === 0) return;
      reads++;
      void read(batch).finally(() => {
        reads--;
        work();
      });
    }
  }

  async function read(batch: readonly Connection[]): Promise<void> {
    const askedAtMs = options.now();
    for (const connection of batch) connection.isReading = true;
    try {
      const frames = await store.findFrames(batch.flatMap(toAsked), maxFrames);
      for (const connection of sendAll(batch, frames, { ...options, sinceReadMs: options.now() - askedAtMs }))
        waiting.add(connection);
    } catch (err) {
      logger.warn({ err, agents: batch.length }, "mailboxes could not be read");
      nudge.nudge();
    } finally {
      for (const connection of batch) connection.isReading = false;
    }
  }

  const wakeSoon = gatherTurn<Connection>((woken) => {
    for (const connection of woken) waiting.add(connection);
    work();
  });

  return {
    wake(connection) {
      wokenAtMs.set(connection, options.now());
      wakeSoon(connection);
    },
    offer(connection, frame) {
      if (waiting.has(connection) || !isNext(connection, frame)) {
        wakeSoon(connection);
        return;
      }
      sendDelivery(connection, frame, { ...options, sinceReadMs: 0 });
      connection.sentSeq = frame.seq;
      if (frame.ageMs === undefined && options.now() - (wokenAtMs.get(connection) ?? -Infinity) < lateMs) {
        wakeSoon(connection);
      }
    },
    run: (signal) =>
      runLoop({
        name: "delivery",
        signal,
        logger,
        work: async () => {
          const hasFailed = await nudge.wait(options.mailboxSweepMs, signal);
          if (signal.aborted) return;
          if (!hasFailed) return options.look();
          await sleep(retryMs, signal);
          for (const connection of connections()) wakeSoon(connection);
        },
      }),
  };
}

/** Takes those that can be read now; those under way stay, those that read too slowly go: they are woken again. */
function takeReady(waiting: Set<Connection>): readonly Connection[] {
  const batch: Connection[] = [];
  for (const connection of waiting) {
    if (batch.length === maxAgents) break;
    if (connection.isReading) continue;
    waiting.delete(connection);
    if (isOpen(connection)) batch.push(connection);
  }
  return batch;
}

function isOpen(connection: Connection): boolean {
  return connection.wasWelcomed && connection.state.kind === "registered" && !connection.isSlow;
}

/** What is read at the moment may know better: that the assignment has ended, and its TASK_CANCEL is left out. */
function isNext(connection: Connection, { seq }: AssignFrame): boolean {
  return isOpen(connection) && !connection.isReading && seq === connection.sentSeq + 1;
}

function toAsked({ state, tenantId, sentSeq }: Connection): readonly DeliveryAsked[] {
  if (state.kind !== "registered") return [];
  return [{ tenantId, agentId: state.agentId, afterSeq: sentSeq, resume: true }];
}

/** Gives the connections for which there is more. */
function sendAll(
  batch: readonly Connection[],
  frames: readonly DeliveryFrame[],
  options: DeliveryOptions & { readonly sinceReadMs: number },
): readonly Connection[] {
  const framesByAgent = Map.groupBy(frames, ({ agentId }) => agentId);
  return batch.filter((connection) => {
    if (connection.state.kind !== "registered") return false;
    const own = framesByAgent.get(connection.state.agentId) ?? [];
    let bytes = 0;
    for (const frame of own) {
      // what is left is read again, after a turn in which the socket may have taken this
      if (bytes >= maxBytes || frame.kind === "later") return true;
      if (frame.seq <= connection.sentSeq) continue;
      bytes += sendDelivery(connection, frame, options);
      connection.sentSeq = frame.seq;
    }
    return own.length >= maxFrames || bytes >= maxBytes;
  });
}
