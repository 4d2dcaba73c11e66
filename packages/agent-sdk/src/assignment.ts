import type { Task } from "@devmesh/models";
import type { PayloadOf } from "@devmesh/protocol";
import type { Lease } from "./lease-watchdog.ts";
import { ProgressBuffer } from "./progress-buffer.ts";

/**
 * One task that was offered to this agent.
 *
 * | state     | meaning                                             | a slot | held across reconnects |
 * |-----------|-----------------------------------------------------|--------|------------------------|
 * | offered   | waits for a free slot, or for handlers              | no     | no                     |
 * | accepting | ACCEPT is not answered                              | yes    | no                     |
 * | running   | the handler works                                   | yes    | yes                    |
 * | ending    | COMPLETE or FAIL is not answered                    | no     | yes                    |
 * | over      | its end is recorded, or it is not this agent's more | –      | no                     |
 */
export type AssignmentPhase = "offered" | "accepting" | "running" | "ending" | "over";

/** Mutable: `Assignments` alone moves it from phase to phase. */
export interface Assignment {
  readonly id: string;
  readonly fence: number;
  readonly seq: number;
  readonly task: Task;
  readonly traceparent: string | undefined;
  readonly leaseMs: number;
  /** Past this the offer has lapsed, in monotonic milliseconds. */
  readonly acceptUntilMs: number;
  readonly controller: AbortController;
  readonly progress: ProgressBuffer;
  phase: AssignmentPhase;
  /** From the recorded ACCEPT on. */
  lease: Lease | undefined;
  /** Its slot is another's until all that it delegated is final. */
  isYielded: boolean;
  /** For how many reasons the lease may stand still at the mesh: while there is one, it can't be known to have run out. */
  stillness: number;
  /** The request that must not be sent again once the end is known from elsewhere. */
  requestId: string | undefined;
}

/** Takes an offer as it arrived at `nowMs`, monotonic: its accept window runs from then. */
export function createAssignment(offer: PayloadOf<"TASK_ASSIGN">, nowMs: number): Assignment {
  return {
    id: offer.assignmentId,
    fence: offer.fence,
    seq: offer.seq,
    task: offer.task as Task,
    traceparent: offer.traceparent,
    leaseMs: offer.leaseMs,
    acceptUntilMs: nowMs + offer.acceptMs,
    controller: new AbortController(),
    progress: new ProgressBuffer(),
    phase: "offered",
    lease: undefined,
    isYielded: false,
    stillness: 0,
    requestId: undefined,
  };
}

/** What every word about an assignment names, so that a stale one is refused. */
export function fenceOf({ id, fence }: Assignment): { readonly assignmentId: string; readonly fence: number } {
  return { assignmentId: id, fence };
}

/** The mesh keeps it for this agent across a reconnect. */
export function isHeld({ phase }: Assignment): boolean {
  return phase === "running" || phase === "ending";
}
