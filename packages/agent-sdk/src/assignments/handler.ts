import type { Artifact, AssignmentId, FailureClass, Task, TaskId, Usage } from "@devmesh/models";
import type { NewTask } from "../mesh-agent.ts";
import type { AskOptions } from "./ask.ts";
import type { ChildOptions, ChildResult, DelegateOptions } from "./delegate.ts";

/** How loud a line of a task's log is. */
export type LogLevel = "debug" | "info" | "warn" | "error";

/** How far a handler is. What is left out stays as it was reported last. */
export interface ProgressUpdate {
  /** 0 to 100. */
  readonly percent?: number;
  readonly note?: string;
}

/** What a handler knows of the assignment it works on, and what it may do meanwhile. */
export interface TaskContext {
  readonly taskId: TaskId;
  readonly assignmentId: AssignmentId;
  /** Rises with every assignment of the task: hand it to whatever the handler writes to, to fence off older tries. */
  readonly fence: number;
  /** 1 for the first counted try. */
  readonly attempt: number;
  /** W3C trace context of the task, to be passed on. */
  readonly traceparent: string | undefined;
  /**
   * Aborts when the result is no longer wanted: the task was cancelled or timed out, the lease was lost, or the agent
   * shuts down. `signal.reason` is an `AppError`. What the handler returns after that is not sent.
   */
  readonly signal: AbortSignal;
  /** Reports progress. Only the newest of one turn is sent, so it may be called in a tight loop. */
  progress(update: ProgressUpdate): void;
  /** Adds a line to the task's log: cut at 4 KiB, at most 10,000 lines an attempt; the rest is dropped and counted. */
  log(line: string, level?: LogLevel): void;
  /**
   * Asks for a lease of `leaseMs` from now, at most one hour; for work that holds the event loop longer than a lease.
   *
   * @throws AppError `conflict` if the assignment is not this agent's any more; `unavailable` while disconnected.
   */
  extend(leaseMs: number): Promise<void>;
  /**
   * Asks a person and waits for the answer, across reconnects; meanwhile neither lease nor `timeoutMs` run, and the slot
   * stays taken. A later try of the task gets the answers of earlier ones without asking again: the first `ask` of the
   * same words the first of them, and so on.
   *
   * @throws AppError the reason of {@link TaskContext.signal} if the task ends first, also by the question's own time-out;
   * `invalid_argument` for a schema that is none, or that the default does not match; `failed_precondition` past 50
   * questions of a task.
   */
  ask(question: string, options?: AskOptions): Promise<unknown>;
  /**
   * Submits a child of this task: it inherits trace and deadline, gets the labels beside its own, and is cancelled with it.
   *
   * @throws AppError what the server refused: `failed_precondition` with reason `depth_limit` past the depth of eight,
   * `conflict` with reason `stale_assignment` once the assignment has ended, and what {@link MeshAgent.submit} throws.
   */
  submit(task: NewTask, options?: ChildOptions): Promise<Task>;
  /**
   * Waits, across reconnects, until all children are final that were submitted here and not waited for yet; one of them
   * at least with `yieldSlot`. In the order of submission, failed and cancelled ones too.
   *
   * @throws AppError the reason of {@link TaskContext.signal}; `failed_precondition` where none yielded.
   */
  waitForChildren(options?: Pick<DelegateOptions, "signal">): Promise<readonly ChildResult[]>;
  /**
   * Submits children, gives up the slot and waits for all; the results are in the order of the tasks. Where one is
   * refused it throws that, and those that were taken go on.
   */
  delegate(tasks: readonly NewTask[], options?: DelegateOptions): Promise<readonly ChildResult[]>;
}

/** Does one task and gives its output: any JSON of at most 1 MiB, or {@link completed} to say more. */
export type TaskHandler = (task: Task, ctx: TaskContext) => unknown;

/** Handlers by task type, or by a capability that the task requires. */
export type TaskHandlers = Readonly<Record<string, TaskHandler>>;

/** The output of a task, with what else belongs to its result. */
export interface Completion {
  readonly output: unknown;
  readonly artifacts?: readonly Artifact[];
  readonly usage?: Usage;
}

const completions = new WeakSet<object>();

/** An output with its artifacts and what it cost: `return completed({output, usage})`. */
export function completed(completion: Completion): Completion {
  const marked = { ...completion };
  completions.add(marked);
  return marked;
}

/** What a handler returned, as a completion: what {@link completed} did not make is the output itself. */
export function toCompletion(returned: unknown): Completion {
  const isMarked = typeof returned === "object" && returned !== null && completions.has(returned);
  // `undefined` is no JSON
  return isMarked ? (returned as Completion) : { output: returned === undefined ? null : returned };
}

/** What else is known of a failure. */
export interface TaskFailureOptions {
  readonly retryAfterMs?: number;
  readonly usage?: Usage;
  readonly cause?: unknown;
}

/**
 * What a handler throws to say how it failed: `permanent` is never tried again, `rate_limited` is tried later and not
 * counted, `retryable` is tried again as the task allows. Any other error counts as `retryable`.
 */
export class TaskFailure extends Error {
  override readonly name = "TaskFailure";
  readonly class: FailureClass;
  readonly retryAfterMs: number | undefined;
  readonly usage: Usage | undefined;

  constructor(failureClass: FailureClass, message: string, options: TaskFailureOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.class = failureClass;
    this.retryAfterMs = options.retryAfterMs;
    this.usage = options.usage;
  }
}

/** The handler of the task's type, else of the first capability it requires that has one. */
export function findHandler(handlers: ReadonlyMap<string, TaskHandler>, task: Task): TaskHandler | undefined {
  const names = [task.type, ...(task.requirements?.capabilities ?? [])];
  const name = names.find((candidate) => handlers.has(candidate));
  return name === undefined ? undefined : handlers.get(name);
}
