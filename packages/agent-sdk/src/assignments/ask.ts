import type { OnTimeoutAction, TaskAnswer } from "@devmesh/models";
import type { Clock } from "../clock.ts";
import type { TaskMessage } from "../messages/messages.ts";
import type { Requests } from "../requests/requests.ts";
import { type Assignment, fenceOf } from "./assignment.ts";
import { startLease } from "./lease-watchdog.ts";

/** How a question is asked, and what becomes of it. */
export interface AskOptions {
  /** JSON Schema (2020-12) of the answer, at most 64 KiB: the mesh takes no other. Any JSON unless given. */
  readonly schema?: boolean | Readonly<Record<string, unknown>>;
  /** How long a person has, at most 30 days. Default 24 h. */
  readonly timeoutMs?: number;
  /**
   * Without an answer by then: `fail`, the task has failed; `requeue`, it goes back to the queue as a counted try;
   * `default`, it goes on with {@link AskOptions.default}. Default `fail`.
   */
  readonly onTimeout?: OnTimeoutAction;
  /** The answer where nobody gives one; may be null. */
  readonly default?: unknown;
  /** Ends the waiting here. The question can't be taken back: the task is not completed before it is answered. */
  readonly signal?: AbortSignal;
}

export interface QuestionsOptions {
  readonly clock: Clock;
  readonly requests: Requests;
  /** The mesh refused the question because the assignment is not this agent's any more. */
  readonly onStale: (assignment: Assignment, error: unknown) => void;
}

/** What one assignment has asked. Mutable. */
interface Asker {
  /** Answers that came before this assignment, each to be given out once. */
  readonly earlier: TaskAnswer[];
  /** Of those the questions: their messages may come again. */
  readonly earlierIds: ReadonlySet<string>;
  /** Resolves when all that was asked is answered: the mesh takes one question at a time. */
  line: Promise<unknown>;
  take: ((answer: unknown) => void) | undefined;
}

/** The questions to people of all assignments, and the answers that come. */
export class Questions {
  readonly #options: QuestionsOptions;
  readonly #askersById = new Map<string, Asker>();

  constructor(options: QuestionsOptions) {
    this.#options = options;
  }

  /** The answer: one that the task has from an earlier try, else a person's. Questions go one after the other. */
  async ask(assignment: Assignment, question: string, options: AskOptions = {}): Promise<unknown> {
    options.signal?.throwIfAborted();
    const asker = this.#askerOf(assignment);
    const answered = asker.line.then(() => this.#askNext(assignment, asker, { question, ...options }));
    asker.line = answered.catch(() => undefined);
    return options.signal === undefined ? answered : untilAborted(answered, options.signal);
  }

  /** MESSAGE `task.answer`. One for an assignment that this process does not know waits in `task.answers`. */
  answer({ assignmentId, messageId, content }: TaskMessage): void {
    const asker = this.#askersById.get(assignmentId);
    if (asker === undefined || asker.earlierIds.has(messageId)) return;
    asker.take?.((content as { readonly answer?: unknown } | null)?.answer);
  }

  /** Resolves when the assignment has no question open. */
  async settled({ id }: Assignment): Promise<void> {
    await this.#askersById.get(id)?.line;
  }

  forget({ id }: Assignment): void {
    this.#askersById.delete(id);
  }

  #askerOf({ id, task }: Assignment): Asker {
    const known = this.#askersById.get(id);
    if (known !== undefined) return known;
    const earlier = [...(task.answers ?? [])];
    const earlierIds = new Set(earlier.map(({ questionId }) => questionId));
    const asker: Asker = { earlier, earlierIds, line: Promise.resolve(), take: undefined };
    this.#askersById.set(id, asker);
    return asker;
  }

  async #askNext(
    assignment: Assignment,
    asker: Asker,
    { signal: own, ...asked }: AskOptions & { readonly question: string },
  ): Promise<unknown> {
    const { signal } = assignment.controller;
    signal.throwIfAborted();
    own?.throwIfAborted();
    const known = asker.earlier.findIndex(({ question }) => question === asked.question);
    const [earlier] = known < 0 ? [] : asker.earlier.splice(known, 1);
    if (earlier !== undefined) return earlier.answer;
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const abort = (): void => reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    asker.take = resolve;
    assignment.stillness += 1;
    void this.#send(assignment, asked, () => asker.take === resolve).catch(reject);
    try {
      const answer = await promise;
      assignment.lease = startLease(assignment.leaseMs, this.#options.clock.nowMs());
      return answer;
    } finally {
      asker.take = undefined;
      assignment.stillness -= 1;
      signal.removeEventListener("abort", abort);
    }
  }

  async #send(
    assignment: Assignment,
    asked: Omit<AskOptions, "signal"> & { readonly question: string },
    isPending: () => boolean,
  ): Promise<void> {
    const body = { ...fenceOf(assignment), ...asked };
    try {
      const { taskState } = await this.#options.requests.send("TASK_NEEDS_INPUT", body, {
        kind: "record",
        onId: (id) => {
          assignment.requestId = id;
        },
      });
      // the lease stands still at the mesh, so that there is nothing to renew
      if (taskState === "waiting" && isPending()) assignment.lease = undefined;
    } catch (error) {
      this.#options.onStale(assignment, error);
      throw error;
    }
  }
}

function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    void promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}
