import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { isAbsolute } from "node:path";
import type { Readable, Writable } from "node:stream";
import { AppError } from "@devmesh/models";
import type { Logger } from "@devmesh/observability";
import type { HideSecrets } from "../hide-secrets.ts";
import { logErrors } from "./log-errors.ts";

/** What is started, and with what. */
export interface Program {
  /** An absolute path: nothing is looked for. */
  readonly file: string;
  readonly args: readonly string[];
  /** All that it gets beside `PATH`, the language, the time zone, and a folder of its own. */
  readonly env: Readonly<Record<string, string>>;
  readonly logger: Logger;
  readonly hide: HideSecrets;
}

/** A program, and the folder that it has to itself. */
export interface ChildOptions extends Program {
  /** Where it is started, and its `HOME` and `TMPDIR`. */
  readonly folder: string;
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

/** What a program needs of ours to run at all. Everything else, secrets first, it doesn't see. */
const inheritedVariables = ["LANG", "LC_ALL", "TZ"];
/**
 * What it writes is its user's alone, and it leaves no core file, which would have its secrets in it: spawning can say neither.
 * The text is fixed; program and arguments are parameters, which no shell reads.
 */
const startScript = 'umask 077; ulimit -c 0; exec "$0" "$@"';
/** A program that reads its input ends by itself when that closes. */
const closeGraceMs = 500;
const terminateGraceMs = 2_000;

/** Starts a program. @throws AppError `unavailable`, reason `tool_crashed`, where the system can't. */
export async function startChild(options: ChildOptions): Promise<Child> {
  const child = await spawnProgram(options).catch((cause: unknown) => {
    const code = cause instanceof Error && "code" in cause ? cause.code : "no process";
    throw new AppError("unavailable", `the tool server can't be started: ${code}`, { reason: "tool_crashed", cause });
  });
  const kill = (): void => {
    if (isAlive(child)) signalGroup(child, "SIGKILL");
  };
  const ended = new Promise<string>((resolve) => {
    child.once("exit", (code, signal) => {
      // what it started goes with it; after this its pid may be somebody else's
      signalGroup(child, "SIGKILL");
      resolve(signal === null ? `exit code ${code}` : `signal ${signal}`);
    });
  });
  child.stdin.on("error", () => {
    // it went: whoever waits for an answer learns that from its end
  });
  logErrors(child.stderr, options);
  return { stdin: child.stdin, stdout: child.stdout, ended, stop: () => stop(child, ended), kill };
}

type Spawned = ChildProcessByStdio<Writable, Readable, Readable>;

async function spawnProgram({ file, args, env, folder }: ChildOptions): Promise<Spawned> {
  const child = spawn("/bin/sh", ["-c", startScript, file, ...args], {
    cwd: folder,
    env: { ...inherited(), HOME: folder, TMPDIR: folder, ...env },
    stdio: ["pipe", "pipe", "pipe"],
    detached: true,
    shell: false,
  });
  await once(child, "spawn");
  return child;
}

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

/** Of PATH the absolute folders: a relative one would be looked for where the program runs. */
function inherited(): Record<string, string> {
  const path = (process.env["PATH"] ?? "").split(":").filter((folder) => isAbsolute(folder));
  const others = inheritedVariables.flatMap((name): [string, string][] => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value]];
  });
  return { PATH: path.join(":"), ...Object.fromEntries(others) };
}
