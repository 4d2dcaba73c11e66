import { AppError } from "@devmesh/models";
import { closeCodes, type PayloadOf } from "@devmesh/protocol";
import type { Connection } from "../connections/connection.ts";
import type { ServerContext } from "../server-context.ts";

/** PING: answered with this side's time. */
export function ping(_context: ServerContext, connection: Connection, { id }: PayloadOf<"PING">): void {
  connection.send("PONG", { ...(id !== undefined && { re: id }), at: new Date().toISOString() });
}

/** PONG and ERROR of a client: a sign of life, and for the log of the client's own side. */
export function takeNote(): void {
  // its bytes were counted as it arrived
}

/** ACK: written with the next round. */
export function acknowledge(_context: ServerContext, connection: Connection, { seq }: PayloadOf<"ACK">): void {
  if (seq > connection.sentSeq) {
    const message = `${seq} is above ${connection.sentSeq}, the last seq that was sent`;
    throw new AppError("invalid_argument", `seq: ${message}`, { details: [{ path: "seq", message }] });
  }
  connection.ackedSeq = Math.max(connection.ackedSeq, seq);
}

/** GOODBYE: the agent leaves. Its assignments stay its own until their leases end. */
export function leave(_context: ServerContext, connection: Connection): void {
  connection.close(closeCodes.normal, "the agent left");
}
