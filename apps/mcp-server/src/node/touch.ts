import type { AgentStore, ConnectionTouch, HeldConnection } from "@devmesh/agents";
import type { AgentId, Health } from "@devmesh/models";
import type { Logger } from "@devmesh/observability";
import { runLoop, sleep } from "@devmesh/runtime";
import type { Connection } from "../connections/connection.ts";
import { gatherTurn } from "../turn.ts";

export interface TouchOptions {
  readonly store: Pick<AgentStore, "touch" | "detach">;
  readonly connections: () => Iterable<Connection>;
  readonly touchMs: number;
  readonly logger: Logger;
}

/** Writes what the node knows of its connections: that they live, what they acknowledged, their health, their end. */
export interface Touch {
  /** Writes soon; changes of one turn go together. */
  health(connection: Connection, health: Health): void;
  /** A connection of a registered agent is over: its last acknowledgement is written and the agent dropped from it. */
  leave(connection: Connection, unreachable: boolean): void;
  /** Every 15 s, until `signal` aborts. */
  run(signal: AbortSignal): Promise<void>;
  /** Writes all that is left to write. */
  flush(): Promise<void>;
}

type Left = HeldConnection & { readonly ackedSeq: number; readonly unreachable: boolean };

/** Rows of one write. Judgement. */
const maxRows = 1_000;

/** Makes the writer; what could not be written is tried again with the next round. */
export function createTouch({ store, connections, touchMs, logger }: TouchOptions): Touch {
  const healthById = new Map<AgentId, Health>();
  let left: Left[] = [];
  let writing: Promise<void> = Promise.resolve();

  async function writeTouches(): Promise<void> {
    const rows = [...connections()].flatMap((connection) => toRow(connection, healthById) ?? []);
    healthById.clear();
    for (let start = 0; start < rows.length; start += maxRows) {
      await store.touch(rows.slice(start, start + maxRows)).catch((error: unknown) => {
        restore(rows.slice(start));
        throw error;
      });
    }
  }

  /** What was not written is written with the next round. */
  function restore(rows: readonly ConnectionTouch[]): void {
    const lost = new Set(rows.map(({ connectionId }) => connectionId));
    for (const connection of connections()) if (lost.has(connection.id)) connection.touchedBytes = -1;
    for (const { agentId, health } of rows) {
      // what was noted meanwhile is newer
      if (health !== undefined && !healthById.has(agentId)) healthById.set(agentId, health);
    }
  }

  async function writeLeft(): Promise<void> {
    while (left.length > 0) {
      const rows = left.slice(0, maxRows);
      await store.touch(rows.map(({ unreachable: _, ...row }) => row));
      await store.detach(rows.map(({ ackedSeq: _, ...row }) => row));
      left = left.slice(rows.length);
    }
  }

  /** One write at a time, so that what is left behind is never written twice. */
  function inTurn(write: () => Promise<void>): Promise<void> {
    const next = writing.then(write);
    writing = next.catch(() => undefined);
    return next;
  }

  const writeSoon = gatherTurn<() => Promise<void>>((writes) => {
    for (const write of writes) {
      inTurn(write).catch((err: unknown) => logger.warn({ err }, "connections could not be noted"));
    }
  });

  async function flush(): Promise<void> {
    await inTurn(writeLeft);
    await inTurn(writeTouches);
  }

  return {
    health(connection, health) {
      if (connection.state.kind !== "registered") return;
      healthById.set(connection.state.agentId, health);
      writeSoon(writeTouches);
    },
    leave(connection, unreachable) {
      const { state, tenantId, id, ackedSeq } = connection;
      if (state.kind !== "registered") return;
      left.push({ tenantId, agentId: state.agentId, connectionId: id, ackedSeq, unreachable });
      writeSoon(writeLeft);
    },
    run: (signal) =>
      runLoop({
        name: "touch",
        signal,
        logger,
        work: async () => {
          await sleep(touchMs, signal);
          if (!signal.aborted) await flush();
        },
      }),
    flush,
  };
}

/** Undefined where nothing was heard since the last time. */
function toRow(connection: Connection, healthById: ReadonlyMap<AgentId, Health>): ConnectionTouch | undefined {
  const { state, tenantId, id, ackedSeq, receivedBytes } = connection;
  if (state.kind !== "registered") return undefined;
  const { agentId } = state;
  const health = healthById.get(agentId);
  if (receivedBytes === connection.touchedBytes && health === undefined) return undefined;
  connection.touchedBytes = receivedBytes;
  return { tenantId, agentId, connectionId: id, ackedSeq, ...(health !== undefined && { health }) };
}
