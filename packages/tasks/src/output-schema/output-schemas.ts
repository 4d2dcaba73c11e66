import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { AppError, maxJsonDepth } from "@devmesh/models";
import { createTurns } from "./turns.ts";
import type { SchemaProblem } from "./validate.ts";
import type { Answered, Said } from "./validation-thread.ts";

/** Checks schemas, and outputs against them. */
export interface SchemaChecks {
  /**
   * @param name what the schema is called where it came from.
   * @param owner whose question it is: a tenant.
   * @throws AppError `invalid_argument` where the schema is none, or takes too long to compile.
   */
  check(schema: unknown, name?: string, owner?: string): Promise<void>;
  /** The problems of an output, given as JSON text; none where it fits. Too slow is a problem as well. */
  findProblems(schema: unknown, output: string, owner?: string): Promise<readonly SchemaProblem[]>;
}

/** Checks off the main thread, with a limit of time, and owners in turn: who asks what is slow is slow alone. */
export interface OutputSchemas extends SchemaChecks, AsyncDisposable {}

/** The checks, with all questions those of one owner. */
export function checksOf(checks: SchemaChecks, owner: string): SchemaChecks {
  return {
    check: (schema, name) => checks.check(schema, name, owner),
    findProblems: (schema, output) => checks.findProblems(schema, output, owner),
  };
}

/** What validating may cost. */
export interface OutputSchemasOptions {
  /** What the thread may compute for one question: waiting for a core of a busy machine doesn't count, for a while. */
  readonly timeoutMs: number;
  /** Questions of one owner that may wait for the thread, and a quarter of those of all. */
  readonly maxWaiting: number;
}

interface Question {
  readonly schema: string;
  readonly value: string | undefined;
  readonly resolve: (problems: readonly SchemaProblem[]) => void;
  readonly reject: (error: unknown) => void;
}

/** Owners with as much as they may have waiting, until nobody may add to it. Judgement. */
const ownersFull = 4;

/** A thread loads the validator in 0.3 s; a machine under load may take long, and so may it for an answer. */
const startTimeoutMs = 30_000;
/** Between two looks at what a thread has computed. */
const minPauseMs = 10;

const threadFile = new URL(
  import.meta.url.endsWith(".ts") ? "./validation-thread.ts" : "./validation-thread.js",
  import.meta.url,
);

/**
 * Opens the validator: one thread, started with the first question, that answers one at a time. A question that takes
 * too long ends the thread (a regular expression can't be stopped in any other way), and the next starts a fresh one.
 */
export function openOutputSchemas(options: OutputSchemasOptions): OutputSchemas {
  const waiting = createTurns<Question>();
  let thread: Thread | undefined;
  let asked: Question | undefined;

  function ask(schema: unknown, value: string | undefined, owner = ""): Promise<readonly SchemaProblem[]> {
    const { maxWaiting } = options;
    const own = waiting.sizeOf(owner);
    if (own >= maxWaiting || waiting.size >= maxWaiting * ownersFull) {
      const message = `${Math.max(own, waiting.size)} validations are waiting, the limit is ${maxWaiting} of one tenant`;
      return Promise.reject(new AppError("resource_exhausted", message, { retryAfterMs: 1_000 }));
    }
    return new Promise((resolve, reject) => {
      waiting.add(owner, { schema: JSON.stringify(schema), value, resolve, reject });
      next();
    });
  }

  function next(): void {
    const question = asked === undefined ? waiting.next() : undefined;
    if (question === undefined) return;
    asked = question;
    thread ??= startThread();
    void answer(thread, question);
  }

  async function answer(asking: Thread, question: Question): Promise<void> {
    const { worker } = asking;
    worker.ref();
    try {
      asking.last = await asking.last;
      const answered = await askThread(worker, question, { before: asking.last, timeoutMs: options.timeoutMs });
      asking.last = answered;
      question.resolve(answered.problems);
    } catch (error) {
      await dropThread();
      question.resolve([{ path: "", message: error instanceof Error ? error.message : String(error) }]);
    }
    worker.unref();
    asked = undefined;
    next();
  }

  async function dropThread(): Promise<void> {
    const old = thread;
    thread = undefined;
    await old?.worker.terminate();
  }

  return {
    async check(schema, name = "outputSchema", owner) {
      const problems = await ask(schema, undefined, owner);
      if (problems.length === 0) return;
      throw new AppError("invalid_argument", `${name}: ${problems[0]?.message}`, {
        details: problems.map(({ path, message }) => ({ path: path === "" ? name : path, message })),
      });
    },
    findProblems: (schema, output, owner) => ask(schema, output, owner),
    async [Symbol.asyncDispose]() {
      const unanswered = [...(asked === undefined ? [] : [asked]), ...waiting.clear()];
      for (const { reject } of unanswered) reject(new AppError("cancelled", "the validator was closed"));
      await dropThread();
    },
  };
}

interface Thread {
  readonly worker: Worker;
  /** What it said last, first that it has loaded the validator: only then does a question's time begin. */
  last: Said | Promise<Said>;
}

function startThread(): Thread {
  // deep JSON needs stack: the depth that every door lets in
  const worker = new Worker(threadFile, {
    resourceLimits: { maxOldGenerationSizeMb: 128, stackSizeMb: maxJsonDepth / 64 },
  });
  const ready = once(worker, "message", { signal: AbortSignal.timeout(startTimeoutMs) });
  return { worker, last: ready.then(([said]) => said) };
}

async function askThread(
  worker: Worker,
  { schema, value }: Question,
  { before, timeoutMs }: { readonly before: Said; readonly timeoutMs: number },
): Promise<Answered> {
  const [late, answered] = [new AbortController(), new AbortController()];
  const answer = once(worker, "message", { signal: late.signal });
  // a thread that gets no core, or answers no questions of what it has computed, is not waited for either
  const isLate = pause(Math.max(timeoutMs, startTimeoutMs), answered.signal);
  const isOver = Promise.race([hasComputed(worker, { before, ms: timeoutMs }, answered.signal), isLate]);
  void isOver.catch(() => undefined).then(() => late.abort());
  worker.postMessage({ schema, value });
  try {
    const [said] = await answer;
    return said;
  } catch (error) {
    throw late.signal.aborted ? new Error(`validation took longer than ${timeoutMs} ms`) : error;
  } finally {
    answered.abort();
  }
}

/** Resolves once the thread has computed for so long since it said the last; rejects when `signal` aborts. */
async function hasComputed(
  worker: Worker,
  { before: { computed }, ms }: { readonly before: Said; readonly ms: number },
  signal: AbortSignal,
): Promise<void> {
  for (let leftMs = ms; leftMs > 0; ) {
    // most answer meanwhile, and are asked nothing
    await pause(Math.max(leftMs, minPauseMs), signal);
    const { user, system } = await worker.cpuUsage(computed);
    leftMs = ms - (user + system) / 1_000;
  }
}

/** Keeps no process alive. Rejects when `signal` aborts. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const over = Promise.withResolvers<void>();
  const timer = setTimeout(over.resolve, ms).unref();
  signal.addEventListener("abort", over.reject, { once: true });
  try {
    await over.promise;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", over.reject);
  }
}
