import { findFreePort } from "./free-port.ts";
import { type ServiceProcess, startProcess } from "./start-process.ts";

/** A server that can be stopped and started again on the same port. */
export interface NativeServer {
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

const startTimeoutMs = 30_000;

export async function createNativeServer(options: NativeServerOptions): Promise<NativeServer> {
  const port = await findFreePort();
  let running: ServiceProcess | undefined;
  return {
    port,
    start: async () => {
      if (running !== undefined) return;
      const [command = "", ...args] = options.command(port);
      const started = await startProcess(command, args);
      running = started;
      await started.waitForLine(options.readyLine, startTimeoutMs);
    },
    stop: async () => {
      const stopping = running;
      running = undefined;
      await stopping?.stop({ signal: options.stopSignal });
    },
  };
}
