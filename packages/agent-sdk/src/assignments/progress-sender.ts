import { AppError } from "@devmesh/models";
import { encodeMessage } from "@devmesh/protocol";
import type { Clock } from "../clock.ts";
import type { Outbox } from "../link/outbox.ts";
import { connectionLost } from "../requests/request.ts";
import type { Requests } from "../requests/requests.ts";
import { type Assignment, isAtWork } from "./assignment.ts";
import { isStale } from "./assignment-error.ts";
import type { LogLevel, ProgressUpdate } from "./handler.ts";
import {
  isRenewalDue,
  noteRenewalLost,
  noteRenewalRefused,
  noteRenewalSent,
  noteRenewed,
  noteUnconfirmedProgress,
} from "./lease-watchdog.ts";

export interface ProgressSenderOptions {
  readonly clock: Clock;
  readonly requests: Requests;
}

/**
 * Sends TASK_PROGRESS: what handlers report goes without `id`, once a turn and assignment at most; renewals carry `id`,
 * because only a recorded renewal counts.
 */
export class ProgressSender {
  readonly #options: ProgressSenderOptions;
  readonly #dirty = new Set<Assignment>();
  #outbox: Outbox | undefined;

  constructor(options: ProgressSenderOptions) {
    this.#options = options;
  }

  /** Where to send from now on; undefined while disconnected, when everything waits. */
  setOutbox(outbox: Outbox | undefined): void {
    this.#outbox = outbox;
    if (this.#dirty.size > 0) outbox?.touch();
  }

  update(assignment: Assignment, update: ProgressUpdate): void {
    if (!isAtWork(assignment)) return;
    assignment.progress.update(update);
    this.#touch(assignment);
  }

  log(assignment: Assignment, line: { readonly at: string; readonly level: LogLevel; readonly line: string }): void {
    if (isAtWork(assignment) && assignment.progress.log(line)) this.#touch(assignment);
  }

  /** ACCEPT is recorded: what was reported before may go now. */
  release(assignment: Assignment): void {
    if (!assignment.progress.isEmpty) this.#touch(assignment);
  }

  /** Adds what is due to the turn's frames, as long as the socket keeps up. */
  collect(outbox: Outbox): void {
    for (const assignment of this.#dirty) {
      if (!outbox.canWrite()) return;
      this.#sendOne(outbox, assignment);
      if (!assignment.progress.isEmpty) continue;
      this.#dirty.delete(assignment);
    }
    if (this.#dirty.size > 0) outbox.touch();
  }

  /** Sends all that is left: it must come before the frame that ends the attempt. Dropped while disconnected. */
  sendRest(assignment: Assignment): void {
    while (this.#outbox !== undefined && !assignment.progress.isEmpty) this.#sendOne(this.#outbox, assignment);
    this.#dirty.delete(assignment);
  }

  forget(assignment: Assignment): void {
    this.#dirty.delete(assignment);
  }

  /** Renews the lease of a running assignment when it is time; `drop` hears that it is not this agent's any more. */
  renewIfDue(assignment: Assignment, nowMs: number, drop: (error: AppError) => void): void {
    const { lease } = assignment;
    if (lease === undefined || !isRenewalDue(lease, nowMs)) return;
    noteRenewalSent(lease, nowMs);
    const body = { assignmentId: assignment.id, fence: assignment.fence, ...assignment.progress.take() };
    this.#options.requests.send("TASK_PROGRESS", body, { kind: "once" }).then(
      () => noteRenewed(lease, this.#options.clock.nowMs()),
      (caught: unknown) => {
        if (isStale(caught)) drop(caught);
        const isLost = caught instanceof AppError && caught.reason === connectionLost;
        const note = isLost ? noteRenewalLost : noteRenewalRefused;
        note(lease, this.#options.clock.nowMs());
      },
    );
  }

  /** Before ACCEPT is recorded it would be refused. */
  #touch(assignment: Assignment): void {
    if (!assignment.isAccepted) return;
    this.#dirty.add(assignment);
    this.#outbox?.touch();
  }

  #sendOne(outbox: Outbox, assignment: Assignment): void {
    const { id, fence, progress, lease } = assignment;
    outbox.send(encodeMessage("TASK_PROGRESS", { assignmentId: id, fence, ...progress.take() }));
    if (lease !== undefined) noteUnconfirmedProgress(lease, this.#options.clock.nowMs());
  }
}
