import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import type { Readable, Writable } from "node:stream";
import { AppError } from "@devmesh/models";
import type { Logger } from "@devmesh/observability";
import type { HideSecrets } from "../hide-secrets.ts";

/** What is started, and with what. */
export interface ChildOptions {
  /** An absolute path: nothing is looked for, and no shell is asked. */
  readonly file: string;
  readonly args: readonly string[];
  /** All that it gets beside PATH, HOME and the language. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly logger: Logger;
  readonly hide: HideSecrets;
  /** Kills each program that runs: whoever has it calls them all when this process exits. */
  readonly living: Set<() => void>;
}

/** A program that runs, at the head of a process group of its own. */
export interface Child {
  readonly stdin: Writable;
  readonly stdout: Readable;
  /** Resolves when it has ended, with a word on how. */
  readonly ended: Promise<string>;
  /** Ends it and all that it started: its input closes, then SIGTERM, then SIGKILL, half a second and 2 s later. Resolves when it is gone. */
  stop(): Promise<void>;
  /** SIGKILL, at once. */
  kill(): void;
}

/** What a program needs to run at all. Everything else, secrets of ours first, it doesn't see. */
const inheritedVariables = ["PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR"];
/** A program that reads its input ends by itself when that closes. */
const closeGraceMs = 500;
const terminateGraceMs = 2_000;
/** Of what it writes to stderr, from start to end; the rest is read and dropped. */
const maxLoggedBytes = 65_536;
const maxLogLineLength = 2_000;

/** Starts a program. @throws AppError `unavailable`, reason `tool_crashed`, where the system can't. */
export async function startChild(options: ChildOptions): Promise<Child> {
  const { living } = options;
  const child = spawn(options.file, options.args, {
    cwd: options.cwd,
    env: { ...inherited(), ...options.env },
    stdio: ["pipe", "pipe", "pipe"],
    detached: true,
    shell: false,
  });
  const kill = (): void => {
    if (isAlive(child)) signalGroup(child, "SIGKILL");
  };
  const ended = new Promise<string>((resolve) => {
    child.once("exit", (code, signal) => {
      // what it started goes with it; after this its pid may be somebody else's
      signalGroup(child, "SIGKILL");
      living.delete(kill);
      resolve(signal === null ? `exit code ${code}` : `signal ${signal}`);
    });
  });
  child.stdin.on("error", () => {
    // it went: whoever waits for an answer learns that from its end
  });
  logErrors(child.stderr, options.logger, options.hide);
  await once(child, "spawn").catch((cause: unknown) => {
    const code = cause instanceof Error && "code" in cause ? cause.code : "no process";
    throw new AppError("unavailable", `the tool server can't be started: ${code}`, { reason: "tool_crashed", cause });
  });
  living.add(kill);
  return { stdin: child.stdin, stdout: child.stdout, ended, stop: () => stop(child, ended), kill };
}

type Spawned = ChildProcessByStdio<Writable, Readable, Readable>;

async function stop(child: Spawned, ended: Promise<string>): Promise<void> {
  child.stdin.end();
  const terminate = setTimeout(() => signalGroup(child, "SIGTERM"), closeGraceMs);
  const kill = setTimeout(() => signalGroup(child, "SIGKILL"), closeGraceMs + terminateGraceMs);
  await ended;
  clearTimeout(terminate);
  clearTimeout(kill);
  child.stdout.destroy();
  child.stderr.destroy();
}

function isAlive(child: Spawned): boolean {
  return child.exitCode === null && child.signalCode === null;
}

function signalGroup(child: Spawned, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // ESRCH: nobody of the group is left
  }
}

function inherited(): Record<string, string> {
  return Object.fromEntries(
    inheritedVariables.flatMap((name): [string, string][] => {
      const value = process.env[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
}

/** What it says is data: it stands in a field, and never in the message of a line. */
function logErrors(stderr: Readable, logger: Logger, hide: HideSecrets): void {
  let logged = 0;
  stderr.setEncoding("utf8").on("data", (text: string) => {
    if (logged >= maxLoggedBytes) return;
    logged += text.length;
    for (const line of hide(text).split("\n")) {
      if (line.trim() !== "") logger.debug({ said: line.slice(0, maxLogLineLength) }, "tool server wrote to stderr");
    }
  });
  stderr.on("error", () => {
    // as its input's
  });
}
