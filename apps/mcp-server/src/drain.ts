import { closeCodes } from "@devmesh/protocol";
import { sleep } from "@devmesh/runtime";
import type { Connection } from "./connection.ts";

export interface DrainOptions {
  readonly connections: () => readonly Connection[];
  /** Sockets whose closing handshake is not over. */
  readonly countSockets: () => number;
  readonly terminateSockets: () => void;
  /** A number in [0, 1). */
  readonly random: () => number;
  readonly now: () => number;
  /** For requests in hand. */
  readonly workMs: number;
  /** For closing handshakes, after that. */
  readonly closeMs: number;
}

const pollMs = 10;
/** Clients come back spread over this time, longer for more of them: 5 ms each, up to 10 s. Judgement. */
const minSpreadMs = 500;
const spreadPerConnectionMs = 5;
const maxSpreadMs = 10_000;

/**
 * Ends all connections of a node that stops: each gets the replies to what it has asked, then GOODBYE and 1012. Resolves
 * when all sockets are closed; those that take too long are cut off.
 */
export async function drain(options: DrainOptions): Promise<void> {
  const { connections, countSockets, terminateSockets, now, workMs, closeMs } = options;
  const spreadMs = Math.min(maxSpreadMs, minSpreadMs + spreadPerConnectionMs * connections().length);
  const workUntil = now() + workMs;
  for (let open = connections(); open.length > 0; open = connections()) {
    const isLate = now() >= workUntil;
    for (const connection of open) {
      if (isLate || connection.inFlight === 0) sayGoodbye(connection, Math.round(options.random() * spreadMs));
    }
    if (connections().length > 0) await pause();
  }
  const closeUntil = now() + closeMs;
  while (countSockets() > 0 && now() < closeUntil) await pause();
  terminateSockets();
}

function sayGoodbye(connection: Connection, resumeAfterMs: number): void {
  connection.send("GOODBYE", { reason: "draining", resumeAfterMs });
  connection.close(closeCodes.draining, "draining");
}

function pause(): Promise<void> {
  return sleep(pollMs, new AbortController().signal);
}
