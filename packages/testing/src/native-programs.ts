import { execFile } from "node:child_process";
import { access, readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

/** Whom Postgres runs as when this process is root's, which it refuses. */
export interface Account {
  readonly uid: number;
  readonly gid: number;
}

const run = promisify(execFile);
const unpackScript = fileURLToPath(new URL("../../../scripts/native-services.sh", import.meta.url));
const unpackTimeoutMs = 300_000;

/**
 * The folder that `DEVMESH_SERVICES_DIR` names, or else `devmesh` in the user's cache. Root's is under /var, because the
 * account that Postgres runs as must be able to read it.
 */
export function findProgramsDir(env: NodeJS.ProcessEnv = process.env): string {
  if (env["DEVMESH_SERVICES_DIR"]) return env["DEVMESH_SERVICES_DIR"];
  if (env["XDG_CACHE_HOME"]) return join(env["XDG_CACHE_HOME"], "devmesh");
  return isRoot() ? "/var/cache/devmesh" : join(homedir(), ".cache", "devmesh");
}

/** The folder of Postgres's programs. */
export function postgresBinDir(programsDir: string): string {
  return join(programsDir, "usr/lib/postgresql/17/bin");
}

export function valkeyServerPath(programsDir: string): string {
  return join(programsDir, "usr/bin/valkey-server");
}

/** Unpacks PostgreSQL with pgvector and Valkey from Debian's packages, if they aren't there yet: some 10 s, 105 MB. */
export async function unpackPrograms(programsDir: string): Promise<void> {
  const programs = [join(postgresBinDir(programsDir), "postgres"), valkeyServerPath(programsDir)];
  const missing = await Promise.all(programs.map((program) => access(program))).then(
    () => false,
    () => true,
  );
  if (!missing) return;
  await run("bash", [unpackScript, programsDir], { timeout: unpackTimeoutMs });
}

/** `undefined` when this process isn't root's; then all runs as its own user. */
export async function findServerAccount(): Promise<Account | undefined> {
  if (!isRoot()) return undefined;
  const accounts = (await readFile("/etc/passwd", "utf8")).split("\n").map((line) => line.split(":"));
  const fields = ["postgres", "nobody"].map((name) => accounts.find(([user]) => user === name)).find(Boolean);
  if (fields === undefined)
    throw new Error("postgres does not run as root, and there is no account postgres or nobody");
  return { uid: Number(fields[2]), gid: Number(fields[3]) };
}

/** Puts setpriv(1) before a command: it changes the account, and has the process end when its parent does, however. */
export function withAccount(
  command: readonly string[],
  options: { readonly account: Account | undefined; readonly parentDeathSignal: string },
): readonly string[] {
  const { account, parentDeathSignal } = options;
  const change = account === undefined ? [] : [`--reuid=${account.uid}`, `--regid=${account.gid}`, "--clear-groups"];
  return ["setpriv", ...change, `--pdeathsig=${parentDeathSignal}`, "--", ...command];
}

function isRoot(): boolean {
  return process.getuid?.() === 0;
}
