import type { Duplex } from "node:stream";
import type pg from "pg";

const heldBack = new WeakSet<Duplex>();

/**
 * Holds back what is written to a connection until the running code is done, so that statements sent one after the other
 * go out in one system call. Round trips and system calls are what a small transaction costs.
 */
export function sendTogether(client: pg.ClientBase): void {
  const stream = streamOf(client);
  if (stream === undefined || heldBack.has(stream)) return;
  heldBack.add(stream);
  stream.cork();
  process.nextTick(() => {
    heldBack.delete(stream);
    stream.uncork();
  });
}

/** The socket of a client; its type is not among those that `pg` declares for pooled ones. */
function streamOf(client: pg.ClientBase): Duplex | undefined {
  if (!("connection" in client)) return undefined;
  const { stream } = client.connection as { readonly stream?: Duplex };
  return stream;
}
