import { type Principal, principalOfKey, type StoredApiKey, sharedScopes } from "@devmesh/auth";
import { AppError, type TaskId } from "@devmesh/models";
import type { Logger } from "@devmesh/observability";
import { runLoop, sleep } from "@devmesh/runtime";
import { whileDatabaseIsAway } from "./database-away.ts";

/** On whose behalf a run acts, as its key stands. Disposing ends its being looked at. */
export interface RunCaller extends Disposable {
  /** With the scopes that the key had when the call was made and has still, as of the last look. */
  readonly principal: Principal;
  /** Aborts once the key has ended, or allows the run no more; its reason is the AppError that says so. */
  readonly signal: AbortSignal;
  /**
   * Looks the key up, and resolves where the run may go on; again and again while the database is away, until `signal`
   * aborts.
   *
   * @throws AppError `unauthenticated` where the key has ended, `permission_denied` where it allows the run no more,
   * `cancelled` where `signal` has aborted meanwhile.
   */
  look(signal: AbortSignal): Promise<void>;
}

/** What is to be looked at while a run goes on. */
export interface CallerAsked {
  readonly taskId: TaskId;
  /** Who made the call, with the scopes of then. */
  readonly principal: Principal;
  /** Whether what the run does may still be done by this principal; asked where it lost or got back scopes. */
  readonly isAllowed: (principal: Principal) => Promise<boolean>;
}

/** Looks after the keys on whose behalf the runs of a node act. */
export interface RunCallers extends AsyncDisposable {
  /** The caller of this task was signed in just now: a run of it that begins here at once need not look. */
  noteSignedIn(taskId: TaskId): void;
  open(asked: CallerAsked): RunCaller;
}

/** Where keys are looked up, and how often those of runs under way are. */
export interface RunCallersDeps {
  /** Finds a key as it stands now. */
  readonly findKey: (ref: Pick<Principal, "tenantId" | "id">) => Promise<StoredApiKey | undefined>;
  readonly credentialCheckMs: number;
  /** Milliseconds, rising. */
  readonly now: () => number;
  readonly logger: Logger;
}

/** How long a sign-in is believed, and of how many calls. Judgement: a run begins some 20 ms after it. */
const signedInMs = 5_000;
const maxSignedIn = 10_000;

/** Makes what looks after callers; the keys of all runs under way are looked up together, now and then. */
export function createRunCallers({ findKey, credentialCheckMs, now, logger }: RunCallersDeps): RunCallers {
  const callers = new Set<RunCaller>();
  const signedInAt = new Map<TaskId, number>();
  const ending = new AbortController();
  const checking = runLoop({
    name: "check of the keys of runs",
    signal: ending.signal,
    logger,
    work: async (signal) => {
      await sleep(credentialCheckMs, signal);
      if (!signal.aborted) await Promise.all([...callers].map((caller) => caller.look(signal).catch(failUnlessEnded)));
    },
  });

  function takeSignIn(taskId: TaskId): boolean {
    const at = signedInAt.get(taskId) ?? Number.NEGATIVE_INFINITY;
    signedInAt.delete(taskId);
    return now() - at < signedInMs;
  }

  return {
    noteSignedIn(taskId) {
      signedInAt.set(taskId, now());
      const [oldest] = signedInAt.keys();
      if (signedInAt.size > maxSignedIn && oldest !== undefined) signedInAt.delete(oldest);
    },
    open(asked) {
      const isSignedIn = takeSignIn(asked.taskId);
      const caller = createCaller(asked, { findKey, isSignedIn, onDispose: () => void callers.delete(caller) });
      callers.add(caller);
      return caller;
    },
    async [Symbol.asyncDispose]() {
      ending.abort();
      await checking;
    },
  };
}

/** What a look finds wrong its run is told by the signal. */
function failUnlessEnded(error: unknown): void {
  if (!isEnd(error)) throw error;
}

function isEnd(error: unknown): error is AppError {
  return error instanceof AppError && (error.code === "unauthenticated" || error.code === "permission_denied");
}

interface Opening extends Pick<RunCallersDeps, "findKey"> {
  readonly isSignedIn: boolean;
  readonly onDispose: () => void;
}

function createCaller({ principal: asked, isAllowed }: CallerAsked, { findKey, ...opening }: Opening): RunCaller {
  const ended = new AbortController();
  let { isSignedIn } = opening;
  let principal = asked;

  async function lookUp(signal: AbortSignal): Promise<void> {
    const current = toCurrent(await whileDatabaseIsAway(() => findKey(asked), signal));
    const next = { ...current, scopes: sharedScopes(asked, current) };
    const isChanged = next.scopes.join() !== principal.scopes.join();
    if (isChanged && !(await isAllowed(next))) {
      const message = "the caller's API key lost a scope that this needs";
      throw new AppError("permission_denied", message, { reason: "missing_scope" });
    }
    principal = next;
  }

  return {
    get principal() {
      return principal;
    },
    signal: ended.signal,
    async look(signal) {
      const isKnown = isSignedIn;
      isSignedIn = false;
      try {
        if (!isKnown) await lookUp(signal);
      } catch (error) {
        if (isEnd(error)) ended.abort(error);
        throw error;
      }
      // a look may last as long as the database is away, and the task be another node's by then
      if (signal.aborted) throw new AppError("cancelled", "the run was told to end");
    },
    [Symbol.dispose]: opening.onDispose,
  };
}

/** @throws AppError `unauthenticated`, whose message says whose key it is. */
function toCurrent(key: StoredApiKey | undefined): Principal {
  try {
    return principalOfKey(key);
  } catch (error) {
    if (!isEnd(error)) throw error;
    const { code, reason } = error;
    throw new AppError(code, `the caller's API key has ended: ${error.message}`, { reason, cause: error });
  }
}
