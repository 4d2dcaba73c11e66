import type { Inspect } from "./tcp-proxy.ts";

/** Type byte and length, which counts itself but not the type. */
const headerBytes = 5;
const commandComplete = 0x43;
const commitTag = "COMMIT\0";

/**
 * Reads what a Postgres sends, message by message, and asks `mayForward` at each CommandComplete of a COMMIT: there the
 * transaction is durable, and the client does not know yet. The connection must be without TLS.
 *
 * @see https://www.postgresql.org/docs/17/protocol-message-formats.html
 */
export function createCommitWatch(mayForward: () => boolean): Inspect {
  let rest: Buffer = Buffer.alloc(0);
  return (chunk) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let isWelcome = true;
    while (rest.length >= headerBytes) {
      const bytes = 1 + rest.readInt32BE(1);
      if (rest.length < bytes) break;
      if (isCommit(rest.subarray(0, bytes)) && !mayForward()) isWelcome = false;
      rest = rest.subarray(bytes);
    }
    return isWelcome;
  };
}

function isCommit(message: Buffer): boolean {
  return message[0] === commandComplete && message.toString("latin1", headerBytes) === commitTag;
}
