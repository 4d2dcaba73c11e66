import { Worker } from "node:worker_threads";
import { AppError } from "@devmesh/models";
import type { PgliteReply, PgliteRequest, PgliteWorkerData } from "./pglite-messages.ts";
import type { ExchangeBytes } from "./pglite-stream.ts";

export interface PgliteThread {
  readonly exchange: ExchangeBytes;
  /** The data folder as it is now, in one. Nothing may be under way. */
  dump(): Promise<Uint8Array<ArrayBuffer>>;
  /** Writes everything down and ends the thread. */
  close(): Promise<void>;
}

interface Waiting {
  readonly resolve: (reply: PgliteReply) => void;
  readonly reject: (error: Error) => void;
}

/** Under Node's type stripping this file is `.ts`, and in a build `.js`: the worker beside it is of the same kind. */
const workerUrl = new URL(`./pglite-worker${import.meta.url.endsWith(".ts") ? ".ts" : ".js"}`, import.meta.url);

/** @throws AppError `unavailable` if PGlite doesn't start. */
export async function startPgliteThread(workerData: PgliteWorkerData): Promise<PgliteThread> {
  const worker = new Worker(workerUrl, { workerData, name: "pglite" });
  const waiting: Waiting[] = [];
  let ended: AppError | undefined;
  const end = (cause: unknown): void => {
    ended ??= new AppError("unavailable", "the embedded database has ended", { cause });
    for (const { reject } of waiting.splice(0)) reject(ended);
  };
  const exited = new Promise<void>((resolve) => worker.once("exit", () => resolve()));
  worker.on("message", (reply: PgliteReply) => waiting.shift()?.resolve(reply));
  worker.on("error", end);
  worker.on("exit", (exitCode) => end(new Error(`worker thread exited with ${exitCode}`)));

  const nextReply = (): Promise<PgliteReply> => {
    if (ended !== undefined) return Promise.reject(ended);
    return new Promise((resolve, reject) => waiting.push({ resolve, reject }));
  };
  const request = (message: PgliteRequest): Promise<PgliteReply> => {
    const reply = nextReply();
    worker.postMessage(message);
    return reply;
  };

  const first = await nextReply();
  if (first.kind === "failed")
    throw new AppError("unavailable", `the embedded database does not start: ${first.message}`);
  return {
    exchange: async (bytes) => {
      // A copy of exactly these bytes: a Buffer may be a window on a larger block.
      const reply = await request({ kind: "bytes", bytes: new Uint8Array(bytes) });
      if (reply.kind === "bytes") return reply.bytes;
      throw new AppError("unavailable", reply.kind === "failed" ? reply.message : "the embedded database has ended");
    },
    dump: async () => {
      const reply = await request({ kind: "dump" });
      if (reply.kind === "dumped") return reply.snapshot;
      throw new AppError("unavailable", reply.kind === "failed" ? reply.message : "the embedded database has ended");
    },
    close: async () => {
      if (ended !== undefined) return;
      await request({ kind: "close" });
      await exited;
    },
  };
}
