import { closeCodes } from "@devmesh/protocol";
import { sleep } from "@devmesh/runtime";
import type { Connection } from "../connections/connection.ts";

export interface DrainOptions {
  readonly connections: () => readonly Connection[];
  /** Sockets whose closing handshake is not over. */
  readonly countSockets: () => number;
  readonly terminateSockets: () => void;
  /** A number in [0, 1). */
  readonly random: () => number;
  /** What one node lets in. */
  readonly upgradesPerSecond: number;
  readonly now: () => number;
  /** For requests in hand. */
  readonly workMs: number;
  /** For closing handshakes, after that. */
  readonly closeMs: number;
}

const pollMs = 10;
/** Beside its place in the row, a client is told so much more at random. Judgement. */
const jitterMs = 500;
/** The last is told to come back before the lease of what it works on ends (30 s unless configured). Judgement. */
const maxSpreadMs = 20_000;

/**
 * Ends all connections of a node that stops: each gets the replies to what it has asked, then GOODBYE and 1012. They are
 * told to come back one after the other, at the rate at which one node lets them in, or faster where there are very many.
 * Resolves when all sockets are closed; those that take too long are cut off.
 */
export async function drain(options: DrainOptions): Promise<void> {
  const { connections, countSockets, terminateSockets, now, workMs, closeMs } = options;
  const spacingMs = Math.min(1_000 / options.upgradesPerSecond, maxSpreadMs / connections().length);
  let place = 0;
  const workUntil = now() + workMs;
  for (let open = connections(); open.length > 0; open = connections()) {
    const isLate = now() >= workUntil;
    for (const connection of open) {
      if (!isLate && connection.inFlight > 0) continue;
      sayGoodbye(connection, Math.round(place * spacingMs + options.random() * jitterMs));
      place += 1;
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
