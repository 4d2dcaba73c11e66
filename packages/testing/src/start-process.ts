import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { waitFor } from "./wait-for.ts";

/** How a child process is started. */
export interface ProcessOptions {
  /** Added to this process's own environment; `undefined` takes a variable away. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  readonly cwd?: string | undefined;
}

/** How long to wait before it is killed. */
export interface StopOptions {
  /** SIGTERM unless given. */
  readonly signal?: NodeJS.Signals | undefined;
  /** Then SIGKILL. 40 s unless given: longer than a service gives itself. */
  readonly timeoutMs?: number | undefined;
}

/** How a process ended: by itself with a code, or by a signal. */
export interface ProcessExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A process under test. Disposing of it kills it. */
export interface ServiceProcess extends AsyncDisposable {
  readonly pid: number;
  /** Resolves when it has ended, however. */
  readonly exited: Promise<ProcessExit>;
  /** What it wrote to both its streams: the last 256 KiB. */
  output(): string;
  /** The first line, from the start on, that matches. Fails, with the output, when time is up or the process has ended. */
  waitForLine(pattern: RegExp, timeoutMs?: number): Promise<string>;
  stop(options?: StopOptions): Promise<ProcessExit>;
  /** SIGKILL: what a crash looks like. */
  kill(): Promise<ProcessExit>;
  /** SIGSTOP: what a machine that hangs looks like. */
  pause(): void;
  resume(): void;
}

const maxOutputLength = 256 * 1024;
/** Where Node itself would keep compiled code. Half of a service's start is stripping types and compiling. */
const compileCache = join(tmpdir(), "node-compile-cache");

/** Starts a process whose output is kept for the test's failure message. */
export async function startProcess(
  command: string,
  args: readonly string[],
  options: ProcessOptions = {},
): Promise<ServiceProcess> {
  const child = spawn(command, args, {
    cwd: options.cwd,
    env: { NODE_COMPILE_CACHE: compileCache, ...process.env, ...options.env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const exited = new Promise<ProcessExit>((resolve) => {
    child.once("close", (code, signal) => resolve({ code, signal }));
  });
  let output = "";
  const keep = (text: string): void => {
    output = (output + text).slice(-maxOutputLength);
  };
  child.stdout.setEncoding("utf8").on("data", keep);
  child.stderr.setEncoding("utf8").on("data", keep);
  // Rejects with the reason when there is no such command.
  await once(child, "spawn");
  return createHandle(child, exited, () => output);
}

function createHandle(child: ChildProcess, exited: Promise<ProcessExit>, output: () => string): ServiceProcess {
  const describe = (what: string): string => `${child.spawnfile} (${child.pid}) ${what}\n${output()}`;
  const kill = (): Promise<ProcessExit> => {
    child.kill("SIGKILL");
    return exited;
  };
  const waitForLine = async (pattern: RegExp, timeoutMs = 60_000): Promise<string> => {
    const findLine = (): string | undefined =>
      output()
        .split("\n")
        .find((line) => pattern.test(line));
    const isOver = (): boolean => child.exitCode !== null || child.signalCode !== null;
    await waitFor(() => findLine() !== undefined || isOver(), { timeoutMs }).catch((cause: unknown) => {
      throw new Error(describe(`did not print ${pattern} within ${timeoutMs} ms`), { cause });
    });
    const line = findLine();
    if (line === undefined) throw new Error(describe(`ended before it printed ${pattern}`));
    return line;
  };
  return {
    pid: child.pid ?? 0,
    exited,
    output,
    waitForLine,
    stop: async ({ signal = "SIGTERM", timeoutMs = 40_000 } = {}) => {
      child.kill(signal);
      const timer = setTimeout(() => child.kill("SIGKILL"), timeoutMs);
      const exit = await exited;
      clearTimeout(timer);
      return exit;
    },
    kill,
    pause: () => void child.kill("SIGSTOP"),
    resume: () => void child.kill("SIGCONT"),
    [Symbol.asyncDispose]: async () => {
      await kill();
    },
  };
}
