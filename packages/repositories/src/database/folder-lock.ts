import { randomUUID } from "node:crypto";
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { AppError } from "@devmesh/models";

const lockFileName = "devmesh.lock";

interface LockOwner {
  readonly pid: number;
  /** When the process started, in clock ticks since boot; tells a pid that was given to another process. `undefined` where there is no /proc. */
  readonly startTicks: string | undefined;
}

/**
 * Takes a folder for this process until disposed of, and makes it if need be: PGlite opens a folder twice without a
 * word, and writes are lost. The lock of a process that is no more is taken over.
 *
 * @throws AppError `failed_precondition`, reason `folder_in_use`, naming the pid of the process that has it.
 */
export async function lockFolder(folder: string): Promise<AsyncDisposable> {
  await mkdir(folder, { recursive: true });
  const file = join(folder, lockFileName);
  const own: LockOwner = { pid: process.pid, startTicks: readStartTicks(process.pid) };
  const content = `${JSON.stringify(own)}\n`;
  while (!tryCreate(folder, file, content)) {
    const owner = readOwner(file);
    if (owner !== undefined && isRunning(owner)) {
      throw new AppError("failed_precondition", `${folder} is in use by process ${owner.pid}`, {
        reason: "folder_in_use",
        details: { pid: owner.pid },
      });
    }
    removeStale(folder, file);
  }
  return {
    [Symbol.asyncDispose]: async () => {
      if (readContent(file) === content) rmSync(file, { force: true });
    },
  };
}

/** Creates the file with its content in one step, so that nobody reads half of it: a link fails where one is already. */
function tryCreate(folder: string, file: string, content: string): boolean {
  const draft = join(folder, `.${lockFileName}.${randomUUID()}`);
  writeFileSync(draft, content, { mode: 0o600 });
  try {
    linkSync(draft, file);
    return true;
  } catch (error) {
    if (hasCode(error, "EEXIST")) return false;
    throw error;
  } finally {
    rmSync(draft, { force: true });
  }
}

/** Moves the lock aside, and back if another process has taken it over since it was looked at. */
function removeStale(folder: string, file: string): void {
  const aside = join(folder, `.${lockFileName}.${randomUUID()}`);
  try {
    renameSync(file, aside);
    const owner = readOwner(aside);
    if (owner !== undefined && isRunning(owner)) linkSync(aside, file);
  } catch (error) {
    // Gone already, or taken again already: the next look decides.
    if (!hasCode(error, "ENOENT") && !hasCode(error, "EEXIST")) throw error;
  } finally {
    rmSync(aside, { force: true });
  }
}

function readOwner(file: string): LockOwner | undefined {
  try {
    const parsed: unknown = JSON.parse(readContent(file) ?? "");
    if (typeof parsed !== "object" || parsed === null || !("pid" in parsed) || !Number.isInteger(parsed.pid))
      return undefined;
    const startTicks = "startTicks" in parsed && typeof parsed.startTicks === "string" ? parsed.startTicks : undefined;
    return { pid: Number(parsed.pid), startTicks };
  } catch {
    // No lock file of ours: nobody who could be asked holds it.
    return undefined;
  }
}

function isRunning(owner: LockOwner): boolean {
  if (!isAlive(owner.pid)) return false;
  const startTicks = readStartTicks(owner.pid);
  return startTicks === undefined || owner.startTicks === undefined || startTicks === owner.startTicks;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return hasCode(error, "EPERM");
  }
}

/** Field 22 of /proc/PID/stat (proc(5)); the second field, a name in parentheses, may hold blanks itself. */
function readStartTicks(pid: number): string | undefined {
  const stat = readContent(`/proc/${pid}/stat`);
  return stat?.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
}

function readContent(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch {
    // Not there, or no longer.
    return undefined;
  }
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}
