import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findFreePort, findProgramsDir, startProcess } from "@devmesh/testing";
import { Queue, Worker } from "bullmq";
import { type OnTask, type OpenPeer, type Payload, type Peer, slots } from "../peer.ts";
import { versionOf } from "../versions.ts";

const name = "bench";

/** BullMQ on a Valkey that writes its log through to the disk every second, or before each answer. */
export function bullmq(appendfsync: "everysec" | "always"): Peer {
  return {
    version: () => versionOf("bullmq"),
    settings: `one worker, concurrency ${slots}; Valkey 8 with appendonly yes, appendfsync ${appendfsync}`,
    open: () => open(appendfsync),
    startWorkers: (target, onTask) => startWorkers(target as number, onTask),
  };
}

async function open(appendfsync: string): Promise<OpenPeer> {
  await using stack = new AsyncDisposableStack();
  const port = await startValkey(stack, appendfsync);
  const queue = new Queue<Payload>(name, { connection: toConnection(port) });
  stack.defer(() => queue.close());
  await queue.waitUntilReady();
  const owned = stack.move();
  return {
    target: port,
    submitMany: async (payloads) => {
      await queue.addBulk(payloads.map((data) => ({ name, data })));
    },
    submitOne: async (payload) => {
      await queue.add(name, payload);
    },
    countLeft: () => queue.getJobCountByTypes("wait", "active", "delayed", "prioritized", "failed"),
    countDone: () => queue.getCompletedCount(),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function startWorkers(port: number, onTask: OnTask): Promise<() => Promise<void>> {
  const work = ({ data }: { readonly data: Payload }): Promise<null> => {
    onTask(data);
    return Promise.resolve(null);
  };
  const worker = new Worker<Payload>(name, work, { connection: toConnection(port), concurrency: slots });
  await worker.waitUntilReady();
  return () => worker.close();
}

function toConnection(port: number): { host: string; port: number; maxRetriesPerRequest: null } {
  return { host: "127.0.0.1", port, maxRetriesPerRequest: null };
}

async function startValkey(stack: AsyncDisposableStack, appendfsync: string): Promise<number> {
  const dir = await mkdtemp(join(tmpdir(), "devmesh-valkey-"));
  stack.defer(() => rm(dir, { recursive: true, force: true }));
  const port = await findFreePort();
  const flags = { port, bind: "127.0.0.1", dir, save: "", appendonly: "yes", appendfsync };
  const args = Object.entries(flags).flatMap(([flag, value]) => [`--${flag}`, String(value)]);
  const server = stack.use(await startProcess(join(findProgramsDir(), "usr/bin/valkey-server"), args));
  await server.waitForLine(/Ready to accept connections/, 30_000);
  return port;
}
