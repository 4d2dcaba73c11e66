import { AppError, type Task } from "@devmesh/models";
import type { NewTask } from "../mesh-agent.ts";
import type { TaskMessage } from "../messages/messages.ts";
import type { Requests } from "../requests/requests.ts";
import type { Assignment } from "./assignment.ts";

/** How a child is submitted. */
export interface ChildOptions {
  /**
   * True: the handler's slot is another task's until all of the task's children are final, and neither lease nor
   * `timeoutMs` run meanwhile. The slot is back before {@link TaskContext.waitForChildren} resolves.
   */
  readonly yieldSlot?: boolean;
  /** 1–255 characters. One that is the same in every try of the task finds the child of the earlier try again. */
  readonly idempotencyKey?: string;
}

/** How several children are submitted and waited for. */
export interface DelegateOptions {
  /** At most 250 characters: each child's key is this one with its number. */
  readonly idempotencyKey?: string;
  /** Ends the waiting here; the children go on. */
  readonly signal?: AbortSignal;
}

/** What became of a child. */
export interface ChildResult {
  readonly taskId: string;
  readonly ref?: string;
  readonly type: string;
  readonly state: Task["state"];
  /** Of a completed one. */
  readonly output?: unknown;
  readonly error?: { readonly class: string; readonly message: string };
}

export interface DelegationsOptions {
  readonly requests: Requests;
  /** The mesh refused a child because the assignment is not this agent's any more. */
  readonly onStale: (assignment: Assignment, error: unknown) => void;
  /** The handler's slot is another's from now on. */
  readonly onYielded: (assignment: Assignment) => void;
  /** It has a slot again, and a lease in full. */
  readonly onResumed: (assignment: Assignment) => void;
}

/** The mesh tells of so many children at most, the newest. */
const maxTold = 1_000;

/** What one assignment has delegated. Mutable. */
interface Delegator {
  /** Children that the handler has not heard of yet, in the order of their submission. */
  readonly awaited: Set<string>;
  /** What the mesh has told. */
  readonly told: Map<string, ChildResult>;
  /** Submissions under way that yield. */
  yielding: number;
  waiting: (() => void)[];
}

/** The children of all assignments, and what the mesh tells of them. */
export class Delegations {
  readonly #options: DelegationsOptions;
  readonly #delegatorsById = new Map<string, Delegator>();
  readonly #assignmentsById = new Map<string, Assignment>();

  constructor(options: DelegationsOptions) {
    this.#options = options;
  }

  async submit(assignment: Assignment, task: NewTask, options: ChildOptions = {}): Promise<Task> {
    assignment.controller.signal.throwIfAborted();
    const { yieldSlot = false, idempotencyKey = crypto.randomUUID() } = options;
    const delegator = this.#delegatorOf(assignment);
    const body = { task, idempotencyKey, parentAssignmentId: assignment.id, ...(yieldSlot && { yieldSlot }) };
    // the mesh may let the lease stand still before its answer is here
    if (yieldSlot) this.#beginYield(assignment, delegator);
    try {
      const { task: child } = await this.#options.requests.send("TASK_SUBMIT", body, { kind: "call" });
      delegator.awaited.add((child as Task).id);
      if (yieldSlot) this.#noteYielded(assignment, delegator);
      return child as Task;
    } catch (error) {
      if (isLost(error)) this.#options.onStale(assignment, error);
      throw error;
    } finally {
      if (yieldSlot) this.#endYield(assignment, delegator);
    }
  }

  /** Resolves with the results in the order of submission, once the mesh has told of all children. */
  async wait(
    assignment: Assignment,
    { signal }: Pick<DelegateOptions, "signal"> = {},
  ): Promise<readonly ChildResult[]> {
    const { signal: own } = assignment.controller;
    own.throwIfAborted();
    signal?.throwIfAborted();
    const delegator = this.#delegatorOf(assignment);
    const signals = signal === undefined ? own : AbortSignal.any([own, signal]);
    while (delegator.yielding > 0 || !isCovered(delegator)) {
      if (delegator.yielding === 0 && !assignment.isYielded) {
        throw new AppError("failed_precondition", "no child was submitted with yieldSlot: the mesh tells of none");
      }
      await wakeUp(delegator, signals);
    }
    const ids = [...delegator.awaited];
    delegator.awaited.clear();
    return Promise.all(ids.map((id) => this.#complete(id, delegator.told.get(id))));
  }

  /** Submits all, gives up the slot with the last of them, and waits. */
  async delegate(
    assignment: Assignment,
    tasks: readonly NewTask[],
    { idempotencyKey, signal }: DelegateOptions = {},
  ): Promise<readonly ChildResult[]> {
    const last = tasks.at(-1);
    if (last === undefined) return [];
    const submitOne = (task: NewTask, index: number, yieldSlot: boolean): Promise<Task> =>
      this.submit(assignment, task, {
        yieldSlot,
        ...(idempotencyKey !== undefined && { idempotencyKey: `${idempotencyKey}/${index}` }),
      });
    const first = await Promise.all(tasks.slice(0, -1).map((task, index) => submitOne(task, index, false)));
    const children = [...first, await submitOne(last, tasks.length - 1, true)];
    const results = new Map(
      (await this.wait(assignment, { ...(signal && { signal }) })).map((one) => [one.taskId, one]),
    );
    return children.flatMap(({ id }) => results.get(id) ?? []);
  }

  /** MESSAGE `task.children`. One for an assignment that this process does not know is passed over. */
  tell({ assignmentId, content }: TaskMessage): void {
    const assignment = this.#assignmentsById.get(assignmentId);
    const delegator = this.#delegatorsById.get(assignmentId);
    if (assignment === undefined || delegator === undefined) return;
    const { children } = content as { readonly children: readonly ChildResult[] };
    for (const child of children) delegator.told.set(child.taskId, child);
    // the oldest of very many are left out, and read one by one
    if (children.length >= maxTold) {
      for (const id of delegator.awaited) if (!delegator.told.has(id)) delegator.told.set(id, leftOut(id));
    }
    this.#resumeIfCovered(assignment, delegator);
  }

  forget({ id }: Assignment): void {
    this.#delegatorsById.delete(id);
    this.#assignmentsById.delete(id);
  }

  #delegatorOf(assignment: Assignment): Delegator {
    const known = this.#delegatorsById.get(assignment.id);
    if (known !== undefined) return known;
    const delegator: Delegator = { awaited: new Set(), told: new Map(), yielding: 0, waiting: [] };
    this.#delegatorsById.set(assignment.id, delegator);
    this.#assignmentsById.set(assignment.id, assignment);
    return delegator;
  }

  #beginYield(assignment: Assignment, delegator: Delegator): void {
    delegator.yielding += 1;
    assignment.stillness += 1;
  }

  #endYield(assignment: Assignment, delegator: Delegator): void {
    delegator.yielding -= 1;
    assignment.stillness -= 1;
    wakeAll(delegator);
  }

  #noteYielded(assignment: Assignment, delegator: Delegator): void {
    if (assignment.isYielded || assignment.phase !== "running" || isCovered(delegator)) return;
    assignment.isYielded = true;
    assignment.stillness += 1;
    this.#options.onYielded(assignment);
  }

  #resumeIfCovered(assignment: Assignment, delegator: Delegator): void {
    if (!isCovered(delegator)) return;
    if (assignment.isYielded && assignment.phase === "running") {
      assignment.isYielded = false;
      assignment.stillness -= 1;
      this.#options.onResumed(assignment);
    }
    wakeAll(delegator);
  }

  /** An output that was too large to be told along is read. */
  async #complete(id: string, told: ChildResult | undefined): Promise<ChildResult> {
    if (told !== undefined && (told.state !== "completed" || "output" in told)) return told;
    const { task } = await this.#options.requests.send("TASK_GET", { taskId: id }, { kind: "call" });
    const { ref, type, state, output, error } = task as Task;
    return {
      taskId: id,
      ...(ref !== undefined && { ref }),
      type,
      state,
      ...(state === "completed" && { output }),
      ...(error !== undefined && { error }),
    };
  }
}

/** Other refusals are of the child alone. */
function isLost(error: unknown): boolean {
  return error instanceof AppError && (error.reason === "stale_assignment" || error.code === "not_found");
}

function isCovered({ awaited, told }: Delegator): boolean {
  for (const id of awaited) if (!told.has(id)) return false;
  return true;
}

function leftOut(taskId: string): ChildResult {
  return { taskId, type: "", state: "completed" };
}

function wakeAll(delegator: Delegator): void {
  const woken = delegator.waiting;
  delegator.waiting = [];
  for (const wake of woken) wake();
}

function wakeUp(delegator: Delegator, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason);
    if (signal.aborted) return abort();
    signal.addEventListener("abort", abort, { once: true });
    delegator.waiting.push(() => {
      signal.removeEventListener("abort", abort);
      resolve();
    });
  });
}
