import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

/** Agents in a process of their own. */
export interface Agents extends AsyncDisposable {
  /** Results that the mesh has confirmed as recorded. */
  recorded(): number;
  /** Milliseconds from submit to the handler's start, of all tasks since the last call. */
  takePickupsMs(): number[];
  /** Resolves when so many results are recorded. */
  waitForRecorded(count: number, timeoutMs: number): Promise<void>;
}

export async function startAgents(options: {
  readonly url: string;
  readonly apiKey: string;
  readonly agents: number;
  readonly slots: number;
}): Promise<Agents> {
  const file = fileURLToPath(new URL("./agents-process.ts", import.meta.url));
  const args = [options.url, options.apiKey, String(options.agents), String(options.slots)];
  const child = fork(file, args, {
    execArgv: ["--conditions=devmesh-source", "--disable-warning=ExperimentalWarning"],
  });
  let recorded = 0;
  let pickupsMs: number[] = [];
  const isReady = new Promise<void>((resolve, reject) => {
    child.once("exit", (code) => reject(new Error(`the agents' process ended with ${code}`)));
    child.on("message", (message: { ready?: true; recorded?: number; pickupsMs?: number[] }) => {
      if (message.ready) resolve();
      recorded = message.recorded ?? recorded;
      pickupsMs.push(...(message.pickupsMs ?? []));
    });
  });
  await isReady;
  return {
    recorded: () => recorded,
    takePickupsMs: () => {
      const taken = pickupsMs;
      pickupsMs = [];
      return taken;
    },
    waitForRecorded: async (count, timeoutMs) => {
      const endsAt = performance.now() + timeoutMs;
      while (recorded < count) {
        if (performance.now() > endsAt) throw new Error(`${recorded} of ${count} results after ${timeoutMs} ms`);
        await once(child, "message");
      }
    },
    [Symbol.asyncDispose]: () => endProcess(child),
  };
}

async function endProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  const ended = once(child, "exit");
  child.kill("SIGKILL");
  await ended;
}
