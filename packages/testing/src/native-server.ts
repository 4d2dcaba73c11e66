import { findFreePort } from "./free-port.ts";
import { type ServiceProcess, startProcess } from "./start-process.ts";

/** A server that can be stopped and started again on the same port. */
export interface NativeServer {
  /** Chosen by the first start. */
  readonly port: number;
  /** Resolves when it takes connections. Does nothing while it runs. */
  start(): Promise<void>;
  /** Does nothing while it doesn't run. */
  stop(): Promise<void>;
}

export interface NativeServerOptions {
  readonly command: (port: number) => readonly string[];
  readonly readyLine: RegExp;
  readonly stopSignal: NodeJS.Signals;
}

const startTimeoutMs = 60_000;

/** A port that was free a moment ago may not be any more: then the first start takes another. */
const maxPorts = 5;

/** A server that isn't started yet. */
export function createNativeServer(options: NativeServerOptions): NativeServer {
  let port: number | undefined;
  let running: ServiceProcess | undefined;

  async function startOn(candidate: number): Promise<void> {
    const [command = "", ...args] = options.command(candidate);
    const started = await startProcess(command, args);
    running = started;
    await started.waitForLine(options.readyLine, startTimeoutMs);
    // from now on it is this one, also after a stop
    port = candidate;
  }

  async function startAnywhere(): Promise<void> {
    for (let tries = 1; ; tries++) {
      try {
        return await startOn(await findFreePort());
      } catch (error) {
        const output = running?.output() ?? "";
        running = undefined;
        if (tries === maxPorts || !/address already in use/i.test(output)) throw error;
      }
    }
  }

  return {
    get port() {
      if (port === undefined) throw new Error("the server has no port before its first start");
      return port;
    },
    start: async () => {
      if (running !== undefined) return;
      await (port === undefined ? startAnywhere() : startOn(port));
    },
    stop: async () => {
      const stopping = running;
      running = undefined;
      await stopping?.stop({ signal: options.stopSignal });
    },
  };
}
