import { execFile } from "node:child_process";
import { access, chown, mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import {
  type Account,
  findProgramsDir,
  findServerAccount,
  postgresBinDir,
  unpackPrograms,
  valkeyServerPath,
  withAccount,
} from "./native-programs.ts";
import { createNativeServer, type NativeServer } from "./native-server.ts";

/** Where the servers keep their data, and how safely. */
export interface NativeServicesOptions {
  /** Where the data is kept. Left out: a folder that goes when the services stop. */
  readonly dir?: string | undefined;
  /** True unless given. Without it Postgres's data survives its own crash, but not the machine's. */
  readonly fsync?: boolean | undefined;
  /** Where the programs are, or are unpacked to; `findProgramsDir()` unless given. */
  readonly programsDir?: string | undefined;
}

/** A PostgreSQL 17 with pgvector, and a Valkey, on free ports of 127.0.0.1, which stay the same over stop and start. */
export interface NativeServices extends AsyncDisposable {
  /** The superuser's, without a password. */
  readonly databaseUrl: string;
  readonly redisUrl: string;
  stop(): Promise<void>;
  /** A fast shutdown: connections are cut, data is written. */
  stopPostgres(): Promise<void>;
  startPostgres(): Promise<void>;
  /** Valkey keeps nothing on disk: what was in it is gone. */
  stopValkey(): Promise<void>;
  startValkey(): Promise<void>;
}

interface PostgresOptions {
  readonly binDir: string;
  readonly dir: string;
  readonly account: Account | undefined;
  readonly fsync: boolean;
}

const run = promisify(execFile);

/**
 * Starts both, after unpacking them if need be. They end with this process, even if that is killed.
 *
 * Several calls at once are fine, but not on the same `dir`.
 */
export async function startServices(options: NativeServicesOptions = {}): Promise<NativeServices> {
  const programsDir = options.programsDir ?? findProgramsDir();
  await unpackPrograms(programsDir);
  const dir = options.dir ?? (await mkdtemp(join(tmpdir(), "devmesh-services-")));
  await using undo = new AsyncDisposableStack();
  if (options.dir === undefined) undo.defer(() => rm(dir, { recursive: true, force: true }));
  const account = await findServerAccount();
  const binDir = postgresBinDir(programsDir);
  const postgres = await createPostgres({ binDir, dir, account, fsync: options.fsync ?? true });
  undo.defer(() => postgres.stop());
  const valkey = createValkey(valkeyServerPath(programsDir));
  undo.defer(() => valkey.stop());
  await Promise.all([postgres.start(), valkey.start()]);
  const cleanUp = undo.move();
  const stop = (): Promise<void> => cleanUp.disposeAsync();
  return {
    databaseUrl: `postgres://postgres@127.0.0.1:${postgres.port}/postgres`,
    redisUrl: `redis://127.0.0.1:${valkey.port}`,
    stop,
    stopPostgres: postgres.stop,
    startPostgres: postgres.start,
    stopValkey: valkey.stop,
    startValkey: valkey.start,
    [Symbol.asyncDispose]: stop,
  };
}

async function createPostgres(options: PostgresOptions): Promise<NativeServer> {
  const dataDir = join(options.dir, "postgres");
  await initializeData(dataDir, options);
  const settings = {
    listen_addresses: "127.0.0.1",
    // In the folder itself a socket's path could get too long; nobody but this test's clients finds it anyway.
    unix_socket_directories: dataDir.length < 80 ? dataDir : "",
    max_connections: "200",
    shared_buffers: "256MB",
    timezone: "UTC",
    log_checkpoints: "off",
    fsync: options.fsync ? "on" : "off",
  };
  const flags = Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
  return createNativeServer({
    command: (port) =>
      withAccount([join(options.binDir, "postgres"), "-D", dataDir, "-p", `${port}`, ...flags], {
        account: options.account,
        parentDeathSignal: "INT",
      }),
    readyLine: /database system is ready to accept connections/,
    stopSignal: "SIGINT",
  });
}

async function initializeData(dataDir: string, { binDir, dir, account }: PostgresOptions): Promise<void> {
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  if (account !== undefined) {
    // The folder above stays ours, but must let the account through.
    await chown(dir, account.uid, account.gid);
    await chown(dataDir, account.uid, account.gid);
  }
  const isInitialized = await access(join(dataDir, "PG_VERSION")).then(
    () => true,
    () => false,
  );
  if (isInitialized) return;
  const flags = ["-D", dataDir, "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"];
  const [command = "", ...args] = withAccount([join(binDir, "initdb"), ...flags], {
    account,
    parentDeathSignal: "KILL",
  });
  await run(command, args);
}

function createValkey(serverPath: string): NativeServer {
  return createNativeServer({
    command: (port) =>
      withAccount([serverPath, "--port", `${port}`, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"], {
        account: undefined,
        parentDeathSignal: "TERM",
      }),
    readyLine: /Ready to accept connections/,
    stopSignal: "SIGTERM",
  });
}
