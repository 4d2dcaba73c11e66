import { AppError } from "@devmesh/models";
import type { PayloadOf } from "@devmesh/protocol";
import type { AgentEvent } from "../agent-event.ts";
import type { Clock } from "../clock.ts";
import type { TaskMessage } from "../messages/messages.ts";
import type { ReceivedSeqs } from "../messages/received-seqs.ts";
import type { Requests } from "../requests/requests.ts";
import { Questions } from "./ask.ts";
import { type Assignment, createAssignment, fenceOf, isAtWork, isHeld, mayStartEarly } from "./assignment.ts";
import { isStale, staleAssignment, toDropReason } from "./assignment-error.ts";
import { Delegations } from "./delegate.ts";
import { findHandler, type TaskHandler, type TaskHandlers } from "./handler.ts";
import { findLapse } from "./lapse.ts";
import { noteRenewalLost, startLease } from "./lease-watchdog.ts";
import type { ProgressSender } from "./progress-sender.ts";
import { record, recordEnd } from "./record.ts";
import { type AttemptEnd, isRefusedOutput, runHandler, toRefusedOutput } from "./run-handler.ts";
import { createTaskContext, type TaskContextDeps } from "./task-context.ts";

export interface AssignmentsOptions {
  readonly clock: Clock;
  readonly requests: Requests;
  readonly seqs: ReceivedSeqs;
  readonly progress: ProgressSender;
  readonly maxConcurrency: number;
  /** Called when something begins that {@link Assignments.tick} looks after. */
  readonly wake: () => void;
  readonly report: (event: AgentEvent) => void;
}

/** All that was assigned to this agent and has not ended, and the handlers at work. */
export class Assignments {
  readonly #options: AssignmentsOptions;
  readonly #byId = new Map<string, Assignment>();
  /** Offers that wait for a slot, oldest first. */
  readonly #line = new Set<Assignment>();
  readonly #questions: Questions;
  readonly #delegations: Delegations;
  readonly #contextDeps: TaskContextDeps;
  #handlers: ReadonlyMap<string, TaskHandler> | undefined;
  #maxConcurrency: number;
  /** Handlers at work, and offers being accepted. A handler that ignores its signal keeps its slot. */
  #busySlots = 0;
  #isStopped = false;
  #idle: (() => void) | undefined;

  constructor(options: AssignmentsOptions) {
    this.#options = options;
    const onStale = (assignment: Assignment, error: unknown): void => this.#dropStale(assignment, error);
    this.#questions = new Questions({ ...options, onStale });
    this.#delegations = new Delegations({
      requests: options.requests,
      onStale,
      onYielded: (assignment) => this.#yieldSlot(assignment),
      onResumed: (assignment) => this.#takeSlotAgain(assignment),
    });
    const drop = (assignment: Assignment, error: unknown): void => this.#drop(assignment, toDropReason(error));
    this.#contextDeps = { ...options, questions: this.#questions, delegations: this.#delegations, drop };
    this.#maxConcurrency = options.maxConcurrency;
  }

  /** Begins to accept. What was offered before has waited. */
  start(handlers: TaskHandlers): void {
    this.#handlers = new Map(Object.entries(handlers));
    this.#acceptFromLine();
  }

  setMaxConcurrency(maxConcurrency: number): void {
    this.#maxConcurrency = maxConcurrency;
    this.#acceptFromLine();
  }

  /** TASK_ASSIGN. */
  offer(offer: PayloadOf<"TASK_ASSIGN">): void {
    const { clock, requests } = this.#options;
    const nowMs = clock.nowMs();
    const assignment = createAssignment(offer, { nowMs, maxDelayMs: requests.maxDelayMs(nowMs) });
    if (this.#isStopped) return;
    this.#byId.set(assignment.id, assignment);
    this.#line.add(assignment);
    this.#options.wake();
    this.#acceptFromLine();
  }

  /** TASK_CANCEL. */
  cancel({ assignmentId, seq, reason }: PayloadOf<"TASK_CANCEL">): void {
    this.#dropById(assignmentId, new AppError("cancelled", `cancelled: ${reason}`, { reason }));
    this.#options.seqs.process(seq);
  }

  /** MESSAGE `task.answer`. */
  answer(message: TaskMessage): void {
    this.#questions.answer(message);
  }

  /** MESSAGE `task.children`. */
  tellChildren(message: TaskMessage): void {
    this.#delegations.tell(message);
  }

  /** ERROR without `re`, to a TASK_PROGRESS without `id`: `details` names the assignment. */
  refuseProgress(assignmentId: string, error: AppError): void {
    if (isStale(error)) this.#dropById(assignmentId, error);
  }

  /** What HELLO says that the agent still works on. */
  get holding(): string[] {
    return [...this.#byId.values()].filter(isHeld).map(({ id }) => id);
  }

  /** What WELCOME said of {@link holding}. What it does not mention is kept. */
  resume({ recorded, drop }: Pick<PayloadOf<"WELCOME">, "recorded" | "drop">): void {
    const isRecorded = new AppError("conflict", "its end is recorded already", { reason: "recorded" });
    for (const id of recorded) this.#dropById(id, isRecorded);
    for (const id of drop) this.#dropById(id, staleAssignment("the assignment was lost while disconnected"));
    const nowMs = this.#options.clock.nowMs();
    for (const { phase, lease } of this.#byId.values()) {
      if (phase === "running" && lease !== undefined) noteRenewalLost(lease, nowMs);
    }
    this.#options.wake();
  }

  /** The watchdog: lapsed offers go, leases are renewed, handlers without a lease are aborted. False when there is none. */
  tick(nowMs: number): boolean {
    for (const assignment of this.#byId.values()) {
      const lapse = findLapse(assignment, nowMs);
      if (lapse !== undefined) this.#drop(assignment, lapse);
    }
    this.#renewDue(nowMs);
    return this.#byId.size > 0;
  }

  /** Accepts nothing more; resolves when no handler works and every end is recorded. */
  stop(): Promise<void> {
    this.#isStopped = true;
    for (const assignment of this.#line) this.#byId.delete(assignment.id);
    this.#line.clear();
    return new Promise((resolve) => {
      this.#idle = resolve;
      if (this.#byId.size === 0) this.#idle?.();
    });
  }

  /** Aborts the handlers and gives their tasks back; as `rate_limited`, since such a try is not counted. */
  giveBack(reason: AppError): void {
    for (const assignment of this.#byId.values()) {
      if (!isAtWork(assignment)) continue;
      assignment.controller.abort(reason);
      void this.#end(assignment, { name: "TASK_FAIL", fields: { class: "rate_limited", message: reason.message } });
    }
  }

  /** Aborts whatever is left; nothing is sent any more. */
  close(reason: AppError): void {
    this.#isStopped = true;
    for (const assignment of this.#byId.values()) this.#drop(assignment, reason);
  }

  #acceptFromLine(): void {
    const handlers = this.#handlers;
    if (handlers === undefined || this.#isStopped) return;
    for (const assignment of this.#line) {
      const handler = findHandler(handlers, assignment.task);
      if (handler !== undefined && this.#busySlots >= this.#maxConcurrency) return;
      this.#line.delete(assignment);
      assignment.phase = "accepting";
      if (handler === undefined) {
        void this.#reject(assignment);
        continue;
      }
      this.#busySlots += 1;
      void this.#serve(assignment, handler);
    }
  }

  async #reject(assignment: Assignment): Promise<void> {
    const reason = `no handler for ${assignment.task.type}`;
    try {
      const body = { ...fenceOf(assignment), reason };
      await record(this.#options.requests, assignment, { name: "TASK_REJECT", body });
      this.#drop(assignment, new AppError("failed_precondition", reason, { reason: "no_handler" }));
    } catch (error) {
      this.#drop(assignment, toDropReason(error));
    }
  }

  async #serve(assignment: Assignment, handler: TaskHandler): Promise<void> {
    assignment.accepted = this.#accept(assignment);
    const mayStart = mayStartEarly(assignment, this.#options.clock.nowMs()) || (await assignment.accepted);
    assignment.isStarted = mayStart;
    const end = mayStart
      ? await runHandler(handler, assignment.task, createTaskContext(assignment, this.#contextDeps))
      : undefined;
    if (!assignment.isYielded) this.#busySlots -= 1;
    this.#acceptFromLine();
    if (end?.name === "TASK_COMPLETE") await this.#questions.settled(assignment);
    // what was reported goes before the end, and after ACCEPT
    if (!assignment.progress.isEmpty) await assignment.accepted;
    // aborted meanwhile: the result is nobody's
    if (end !== undefined && isAtWork(assignment)) await this.#end(assignment, end);
  }

  /** False if the assignment is over before it began. */
  async #accept(assignment: Assignment): Promise<boolean> {
    try {
      const body = fenceOf(assignment);
      const { taskState } = await record(this.#options.requests, assignment, { name: "TASK_ACCEPT", body });
      // cancelled while the answer was under way
      if (assignment.phase === "over") return false;
      this.#options.seqs.process(assignment.seq);
      assignment.isAccepted = true;
      // the handler was quicker than the answer
      if (assignment.phase === "ending") return true;
      // an ACCEPT of before a restart counts as recorded even if the assignment has ended since
      if (taskState !== "running" && taskState !== "waiting") throw staleAssignment(`the task is ${taskState}`);
    } catch (error) {
      this.#drop(assignment, toDropReason(error));
      return false;
    }
    assignment.phase = "running";
    assignment.lease = startLease(assignment.leaseMs, this.#options.clock.nowMs());
    this.#options.progress.release(assignment);
    return true;
  }

  async #end(assignment: Assignment, end: AttemptEnd): Promise<void> {
    assignment.phase = "ending";
    this.#options.progress.sendRest(assignment);
    try {
      const reply = await recordEnd(this.#options.requests, assignment, end);
      this.#settle(assignment, { taskId: assignment.task.id, taskState: reply.taskState });
    } catch (error) {
      if (end.name === "TASK_COMPLETE" && assignment.phase === "ending" && isRefusedOutput(error)) {
        await this.#end(assignment, toRefusedOutput(error));
        return;
      }
      this.#drop(assignment, toDropReason(error));
    }
  }

  #settle(assignment: Assignment, recorded: Omit<Extract<AgentEvent, { type: "recorded" }>, "type">): void {
    if (assignment.phase === "over") return;
    assignment.phase = "over";
    this.#forget(assignment);
    this.#options.report({ type: "recorded", ...recorded });
  }

  #dropById(id: string, reason: AppError): void {
    const assignment = this.#byId.get(id);
    if (assignment !== undefined) this.#drop(assignment, reason);
  }

  /** The assignment ends without more being sent. Safe to call again. */
  #drop(assignment: Assignment, reason: AppError): void {
    if (assignment.phase === "over") return;
    const wasEnding = assignment.phase === "ending";
    assignment.phase = "over";
    assignment.controller.abort(reason);
    this.#forget(assignment);
    this.#options.seqs.process(assignment.seq);
    if (assignment.requestId !== undefined) this.#options.requests.withdraw(assignment.requestId, reason);
    const taskId = assignment.task.id;
    if (wasEnding && reason.reason === "recorded") this.#options.report({ type: "recorded", taskId });
    else this.#options.report({ type: "dropped", taskId, error: reason });
  }

  #forget(assignment: Assignment): void {
    this.#line.delete(assignment);
    this.#byId.delete(assignment.id);
    this.#options.progress.forget(assignment);
    this.#questions.forget(assignment);
    this.#delegations.forget(assignment);
    if (this.#byId.size === 0) this.#idle?.();
  }

  #yieldSlot(assignment: Assignment): void {
    // the lease stands still at the mesh, so that there is nothing to renew
    assignment.lease = undefined;
    this.#busySlots -= 1;
    this.#acceptFromLine();
  }

  #takeSlotAgain(assignment: Assignment): void {
    assignment.lease = startLease(assignment.leaseMs, this.#options.clock.nowMs());
    this.#busySlots += 1;
  }

  #renewDue(nowMs: number): void {
    if (!this.#options.requests.isOpen) return;
    for (const assignment of this.#byId.values()) {
      if (assignment.phase !== "running") continue;
      this.#options.progress.renewIfDue(assignment, nowMs, (error) => this.#drop(assignment, error));
    }
  }

  #dropStale(assignment: Assignment, error: unknown): void {
    if (isStale(error) && error.code !== "failed_precondition") this.#drop(assignment, error);
  }
}
