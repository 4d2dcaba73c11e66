import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import type { Readable, Writable } from "node:stream";
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

/** Starts a program. @throws what `spawn` does where there is none. */
export async function startChild({ file, args, env, cwd, logger, hide }: ChildOptions): Promise<Child> {
  const child = spawn(file, args, {
    cwd,
    env: { ...inherited(), ...env },
    stdio: ["pipe", "pipe", "pipe"],
    detached: true,
    shell: false,
  });
  const ended = new Promise<string>((resolve) => {
    child.once("exit", (code, signal) => {
      // what it started goes with it; after this its pid may be somebody else's
      signalGroup(child, "SIGKILL");
      process.removeListener("exit", stopWithUs);
      resolve(signal === null ? `exit code ${code}` : `signal ${signal}`);
    });
  });
  const stopWithUs = (): void => signalGroup(child, "SIGKILL");
  process.once("exit", stopWithUs);
  child.stdin.on("error", () => {
    // it went: whoever waits for an answer learns that from its end
  });
  logErrors(child.stderr, logger, hide);
  await once(child, "spawn").catch((error: unknown) => {
    process.removeListener("exit", stopWithUs);
    throw error;
  });
  return {
    stdin: child.stdin,
    stdout: child.stdout,
    ended,
    stop: () => stop(child, ended),
    kill: () => {
      if (isAlive(child)) signalGroup(child, "SIGKILL");
    },
  };
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
