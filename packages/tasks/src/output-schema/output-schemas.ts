import { Worker } from "node:worker_threads";
import { AppError, maxJsonDepth } from "@devmesh/models";
import type { SchemaProblem } from "./validate.ts";

/** Checks schemas, and outputs against them, off the main thread and with a limit of time. */
export interface OutputSchemas extends AsyncDisposable {
  /** @throws AppError `invalid_argument` where the schema is none, or takes too long to compile. */
  check(schema: unknown): Promise<void>;
  /** The problems of an output, given as JSON text; none where it fits. Too slow is a problem as well. */
  findProblems(schema: unknown, output: string): Promise<readonly SchemaProblem[]>;
}

export interface OutputSchemasOptions {
  /** Longest time for one question. */
  readonly timeoutMs: number;
  /** Questions that may wait for the thread. */
  readonly maxWaiting: number;
}

interface Question {
  readonly schema: string;
  readonly value: string | undefined;
  readonly resolve: (problems: readonly SchemaProblem[]) => void;
  readonly reject: (error: unknown) => void;
}

const threadFile = new URL(
  import.meta.url.endsWith(".ts") ? "./validation-thread.ts" : "./validation-thread.js",
  import.meta.url,
);

/**
 * Opens the validator: one thread, started with the first question, that answers one at a time. A question that takes
 * too long ends the thread (a regular expression can't be stopped in any other way), and the next starts a fresh one.
 */
export function openOutputSchemas(options: OutputSchemasOptions): OutputSchemas {
  const waiting: Question[] = [];
  let thread: Worker | undefined;
  let isBusy = false;

  function ask(schema: unknown, value: string | undefined): Promise<readonly SchemaProblem[]> {
    if (waiting.length >= options.maxWaiting) {
      const message = `${waiting.length} validations are waiting, the limit is ${options.maxWaiting}`;
      return Promise.reject(new AppError("resource_exhausted", message, { retryAfterMs: 1_000 }));
    }
    return new Promise((resolve, reject) => {
      waiting.push({ schema: JSON.stringify(schema), value, resolve, reject });
      next();
    });
  }

  function next(): void {
    const question = isBusy ? undefined : waiting.shift();
    if (question === undefined) return;
    isBusy = true;
    thread ??= startThread();
    answer(thread, question);
  }

  function answer(worker: Worker, question: Question): void {
    const finish = (problems: readonly SchemaProblem[], isGone: boolean): void => {
      clearTimeout(timer);
      worker.removeAllListeners();
      if (isGone) void dropThread();
      worker.unref();
      isBusy = false;
      question.resolve(problems);
      next();
    };
    const timer = setTimeout(() => finish([tooSlow(options.timeoutMs)], true), options.timeoutMs);
    worker.ref();
    worker.once("message", ({ problems }: { problems: readonly SchemaProblem[] }) => finish(problems, false));
    worker.once("error", (error) => finish([{ path: "", message: `the validator failed: ${error.message}` }], true));
    worker.postMessage({ id: 0, schema: question.schema, value: question.value });
  }

  async function dropThread(): Promise<void> {
    const old = thread;
    thread = undefined;
    await old?.terminate();
  }

  return {
    async check(schema) {
      const problems = await ask(schema, undefined);
      if (problems.length === 0) return;
      throw new AppError("invalid_argument", `outputSchema: ${problems[0]?.message}`, { details: problems });
    },
    findProblems: (schema, output) => ask(schema, output),
    async [Symbol.asyncDispose]() {
      for (const { reject } of waiting.splice(0)) reject(new AppError("cancelled", "the validator was closed"));
      await dropThread();
    },
  };
}

function startThread(): Worker {
  // deep JSON needs stack: the depth that every door lets in
  return new Worker(threadFile, { resourceLimits: { maxOldGenerationSizeMb: 128, stackSizeMb: maxJsonDepth / 64 } });
}

function tooSlow(timeoutMs: number): SchemaProblem {
  return { path: "", message: `validation took longer than ${timeoutMs} ms` };
}
