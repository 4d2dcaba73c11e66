import { healthAfter, maxMissedHeartbeats } from "@devmesh/agents";
import type { Health } from "@devmesh/models";
import { closeCodes } from "@devmesh/protocol";
import type { Connection } from "./connection.ts";
import { isWelcomed } from "./connection-state.ts";

export interface HeartbeatOptions {
  readonly heartbeatMs: number;
  readonly helloMs: number;
  readonly connections: () => Iterable<Connection>;
  /** The health of a connection's agent has changed. */
  readonly onHealth: (connection: Connection, health: Health) => void;
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number;
}

/** Looks at every connection once, and does what its silence calls for. */
export interface Heartbeat extends Disposable {
  beat(): void;
}

/**
 * One timer for all connections. A connection without a byte for `heartbeatMs` gets PING, and again after each further
 * `heartbeatMs`; when three of them stayed unanswered it is dead. One that says no HELLO in time is closed.
 */
export function startHeartbeat(options: HeartbeatOptions): Heartbeat {
  const { heartbeatMs, helloMs, now } = options;
  // a tenth of the heartbeat is how late a PING may be
  const tickMs = Math.max(10, Math.min(500, Math.floor(heartbeatMs / 10)));
  let lastBeatAt = now();

  function beat(): void {
    const at = now();
    // while this process stood still nobody was heard: that is no silence of theirs
    const stoodStillMs = Math.max(0, at - lastBeatAt - heartbeatMs);
    lastBeatAt = at;
    for (const connection of [...options.connections()]) {
      connection.lastHeardAt += stoodStillMs;
      if (isWelcomed(connection.state)) checkSilence(connection, at, options);
      else if (at - connection.openedAt >= helloMs) connection.close(closeCodes.noHello, "no HELLO in time");
    }
  }

  const timer = setInterval(beat, tickMs);
  return { beat, [Symbol.dispose]: () => clearInterval(timer) };
}

function checkSilence(connection: Connection, at: number, { heartbeatMs, onHealth }: HeartbeatOptions): void {
  const { receivedBytes } = connection;
  if (receivedBytes !== connection.heardBytes) {
    if (connection.pings > 1) onHealth(connection, "healthy");
    connection.heardBytes = receivedBytes;
    connection.lastHeardAt = at;
    connection.pings = 0;
    return;
  }
  const due = Math.floor((at - connection.lastHeardAt) / heartbeatMs);
  if (due <= connection.pings) return;
  // the PINGs before this one went unanswered
  const missed = connection.pings;
  if (missed >= maxMissedHeartbeats) {
    connection.close(closeCodes.dead, "three heartbeats were missed");
    return;
  }
  connection.pings++;
  connection.send("PING", { at: new Date().toISOString() });
  if (missed > 0 && healthAfter(missed) !== healthAfter(missed - 1)) onHealth(connection, healthAfter(missed));
}
