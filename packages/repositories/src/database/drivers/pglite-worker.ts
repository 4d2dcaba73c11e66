import { parentPort, workerData } from "node:worker_threads";
import { PGlite } from "@electric-sql/pglite";
import { vector } from "@electric-sql/pglite-pgvector";
import type { PgliteReply, PgliteRequest, PgliteWorkerData } from "./pglite-messages.ts";

/** The thread PGlite computes on. It only carries bytes of Postgres's protocol; `pg`, on the main thread, speaks it. */
async function serve(): Promise<void> {
  const port = parentPort;
  if (port === null) throw new Error("pglite-worker runs as a worker thread only");
  const reply = (message: PgliteReply): void => port.postMessage(message);
  try {
    const engine = await open(workerData as PgliteWorkerData);
    // Requests are answered strictly one after another: bytes of two must not mix.
    let previous = Promise.resolve();
    port.on("message", (request: PgliteRequest) => {
      previous = previous.then(() => answer(engine, request, reply));
    });
    reply({ kind: "ready" });
  } catch (error) {
    reply({ kind: "failed", message: toMessage(error) });
    port.close();
  }
}

function open({ dataDir, snapshot }: PgliteWorkerData): Promise<PGlite> {
  return PGlite.create({
    ...(dataDir !== undefined && { dataDir }),
    ...(snapshot !== undefined && { loadDataDir: new Blob([new Uint8Array(snapshot)]) }),
    extensions: { vector },
  });
}

async function answer(engine: PGlite, request: PgliteRequest, reply: (message: PgliteReply) => void): Promise<void> {
  try {
    if (request.kind === "close") {
      await engine.close();
      reply({ kind: "closed" });
      parentPort?.close();
      return;
    }
    if (request.kind === "dump") {
      const file = await engine.dumpDataDir("none");
      reply({ kind: "dumped", snapshot: new Uint8Array(await file.arrayBuffer()) });
      return;
    }
    reply({ kind: "bytes", bytes: await engine.execProtocolRaw(request.bytes) });
  } catch (error) {
    reply({ kind: "failed", message: toMessage(error) });
  }
}

function toMessage(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

await serve();
