import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { PeerName } from "./peers.ts";

/** A task that was started, in milliseconds since the epoch. */
export interface Started {
  readonly number: number;
  readonly atMs: number;
  readonly submittedAtMs: number;
}

/** A peer's workers in a process of their own, at rest until they are started. */
export interface Workers extends AsyncDisposable {
  start(): Promise<void>;
  /** What is in hand is finished. */
  stop(): Promise<void>;
  /** What was started since the last call. */
  take(): readonly Started[];
  /** Resolves when so many were started since the last `take`. */
  waitForStarted(count: number, timeoutMs: number): Promise<void>;
}

type Message = { readonly done?: string; readonly started: readonly (readonly [number, number, number])[] };

export function openWorkers(name: PeerName, target: unknown): Workers {
  const file = fileURLToPath(new URL("./worker-process.ts", import.meta.url));
  const execArgv = ["--conditions=devmesh-source", "--disable-warning=ExperimentalWarning"];
  const child = fork(file, [name, JSON.stringify(target)], { execArgv });
  child.setMaxListeners(100);
  let started: Started[] = [];
  let done: string | undefined;
  child.on("message", (message: Message) => {
    for (const [number, atMs, submittedAtMs] of message.started) started.push({ number, atMs, submittedAtMs });
    done = message.done ?? done;
  });
  const order = async (word: "start" | "stop"): Promise<void> => {
    done = undefined;
    child.send(word);
    // two messages may come in one turn, and whoever waits for one at a time hears the first alone
    while (done !== word) await onceAlive(child);
  };
  return {
    start: () => order("start"),
    stop: () => order("stop"),
    take: () => {
      const taken = started;
      started = [];
      return taken;
    },
    waitForStarted: async (count, timeoutMs) => {
      const signal = AbortSignal.timeout(timeoutMs);
      while (started.length < count) {
        await onceAlive(child, signal).catch((cause: unknown) => {
          throw new Error(`${name} started ${started.length} of ${count} tasks in ${timeoutMs} ms`, { cause });
        });
      }
    },
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null) return;
      const ended = once(child, "exit");
      child.kill("SIGTERM");
      await ended;
    },
  };
}

async function onceAlive(child: ReturnType<typeof fork>, signal?: AbortSignal): Promise<unknown> {
  const over = new AbortController();
  const both = signal === undefined ? over.signal : AbortSignal.any([over.signal, signal]);
  const died = once(child, "exit", { signal: over.signal }).then(() => {
    throw new Error("the workers' process ended");
  });
  try {
    return await Promise.race([once(child, "message", { signal: both }), died]);
  } finally {
    over.abort();
    died.catch(() => undefined);
  }
}
