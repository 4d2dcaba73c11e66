import { setTimeout as delay } from "node:timers/promises";
import { AppError } from "@devmesh/models";
import type { Database, OwnerSession } from "./database/database.ts";
import { sql } from "./database/sql.ts";

/** What is done by one holder at a time, and under which name. */
export interface ExclusiveOptions {
  /** What is held, among all processes on this database: a word of ours, such as `relay`. */
  readonly name: string;
  /** Ends the waiting, and the work. */
  readonly signal: AbortSignal;
  /** How soon those who wait ask again, each time a little later, up to five times as much. Default 1 s. */
  readonly pollMs?: number | undefined;
  /** How often the holder looks whether it still holds. Default 20 s. */
  readonly watchMs?: number | undefined;
}

/** The first half of the lock's key: the word "mesh" as a number; the second is the name's hash. */
const lockSpace = 0x6d657368;
/** Who has waited for a while asks every 5 s: a mesh that is idle is to be quiet. Judgement. */
const maxPollFactor = 5;
/** A holder whose connection doesn't answer for so long takes it for lost: others may hold the lock already. Judgement. */
const answerMs = 5_000;

/**
 * Waits until nobody else holds `name`, then runs `work` and lets go when it returns; its signal aborts then too, so that
 * what it left running ends. On Postgres a session's advisory lock on a connection of its own: when that is lost, so is the
 * lock, the signal of `work` aborts, and once `work` has returned this throws. For a moment two may hold it then: the work
 * must bear that. On PGlite, which one process has for itself, the others wait in this process.
 *
 * Returns without having run `work` when `signal` aborts first.
 *
 * @throws AppError `unavailable` when the lock was lost or can't be asked for; what `work` throws.
 */
export async function holdExclusively(
  database: Database,
  options: ExclusiveOptions,
  work: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  if (database.kind === "pglite") return holdInProcess(database, options, work);
  const acquired = Promise.withResolvers<boolean>();
  const lost = new AbortController();
  const finished = new AbortController();
  // The session keeps to itself: what `work` asks of the database goes through the pool, outside the session's callback.
  const session = database.ownerSession(async (owner) => {
    acquired.resolve(await acquire(owner, options));
    await watch(owner, options, finished.signal);
  });
  session.catch((error: unknown) => {
    acquired.reject(error);
    lost.abort(error);
  });
  try {
    if (!(await acquired.promise)) return;
    await work(AbortSignal.any([options.signal, lost.signal, finished.signal]));
  } finally {
    finished.abort();
  }
  if (lost.signal.aborted) throw lostLock(options.name, lost.signal.reason);
  await session;
}

/** False when called off. */
async function acquire(owner: OwnerSession, { name, signal, pollMs = 1_000 }: ExclusiveOptions): Promise<boolean> {
  for (let tries = 1; !signal.aborted; tries++) {
    const { rows } = await owner.query<{ isHeld: boolean }>(
      sql`select pg_try_advisory_lock(${lockSpace}::int, hashtext(${name})) as "isHeld"`,
    );
    if (rows[0]?.isHeld === true) return true;
    await pause(pollMs * Math.min(maxPollFactor, tries), signal);
  }
  return false;
}

/** Asks the connection again and again whether it is still there. */
async function watch(owner: OwnerSession, options: ExclusiveOptions, end: AbortSignal): Promise<void> {
  const { name, watchMs = 20_000 } = options;
  while (!end.aborted) {
    const answered = new AbortController();
    const silence = delay(answerMs, undefined, { signal: answered.signal }).then(() => {
      throw lostLock(name, undefined);
    });
    silence.catch(() => undefined); // whoever is first decides
    try {
      await Promise.race([owner.query(sql`select 1`), silence]);
    } finally {
      answered.abort();
    }
    await pause(watchMs, end);
  }
}

function lostLock(name: string, cause: unknown): AppError {
  return new AppError("unavailable", `the lock ${name} is lost`, { reason: "lock_lost", cause });
}

const lastHolders = new WeakMap<Database, Map<string, Promise<unknown>>>();

async function holdInProcess(
  database: Database,
  { name, signal }: ExclusiveOptions,
  work: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const byName = lastHolders.get(database) ?? new Map<string, Promise<unknown>>();
  lastHolders.set(database, byName);
  const before = byName.get(name) ?? Promise.resolve();
  const held = before.then(async () => {
    if (signal.aborted) return;
    const finished = new AbortController();
    await work(AbortSignal.any([signal, finished.signal])).finally(() => finished.abort());
  });
  byName.set(
    name,
    held.catch(() => undefined),
  );
  await held;
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  // Rejects only when called off, which the loop sees.
  await delay(ms, undefined, { signal }).catch(() => undefined);
}
