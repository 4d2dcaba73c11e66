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
 * | accepting | ACCEPT is not answered; the handler may be at work  | yes    | no                     |
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
  readonly acceptMs: number;
  /** Past this the offer has lapsed, in monotonic milliseconds. */
  readonly acceptUntilMs: number;
  /** Until then it has certainly not: nobody else can have been offered the task. In the past where that is not known. */
  readonly surelyOpenUntilMs: number;
  readonly controller: AbortController;
  readonly progress: ProgressBuffer;
  phase: AssignmentPhase;
  /** Resolves when ACCEPT is answered: false if the assignment is over before it began. Undefined before it is sent. */
  accepted: Promise<boolean> | undefined;
  /** ACCEPT is recorded. */
  isAccepted: boolean;
  /** The handler was called. */
  isStarted: boolean;
  /** From the recorded ACCEPT on. */
  lease: Lease | undefined;
  /** Its slot is another's until all that it delegated is final. */
  isYielded: boolean;
  /** For how many reasons the lease may stand still at the mesh: while there is one, it can't be known to have run out. */
  stillness: number;
  /** The request that must not be sent again once the end is known from elsewhere. */
  requestId: string | undefined;
}

/**
 * Takes an offer as it arrived at `nowMs`, monotonic: its accept window has not ended before it runs from then.
 *
 * @param maxDelayMs how long ago, at most, the frame was sent; undefined where that is not known.
 */
export function createAssignment(
  offer: PayloadOf<"TASK_ASSIGN">,
  { nowMs, maxDelayMs }: { readonly nowMs: number; readonly maxDelayMs: number | undefined },
): Assignment {
  const maxAgeMs = offer.ageMs === undefined || maxDelayMs === undefined ? Infinity : offer.ageMs + maxDelayMs;
  return {
    id: offer.assignmentId,
    fence: offer.fence,
    seq: offer.seq,
    task: offer.task as Task,
    traceparent: offer.traceparent,
    leaseMs: offer.leaseMs,
    acceptMs: offer.acceptMs,
    acceptUntilMs: nowMs + offer.acceptMs,
    surelyOpenUntilMs: nowMs + offer.acceptMs - maxAgeMs,
    controller: new AbortController(),
    progress: new ProgressBuffer(),
    phase: "offered",
    accepted: undefined,
    isAccepted: false,
    isStarted: false,
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

/**
 * A handler may start before ACCEPT is recorded while at least half of the accept window is certainly left: until the
 * answer comes the task can't be another agent's, and the answer comes long before the window ends, or the handler is
 * aborted at its end.
 */
export function mayStartEarly({ surelyOpenUntilMs, acceptMs }: Assignment, nowMs: number): boolean {
  return surelyOpenUntilMs - nowMs >= acceptMs / 2;
}

/** Its handler works, or its end is still to be told. */
export function isAtWork({ phase, isStarted }: Assignment): boolean {
  return phase === "running" || (phase === "accepting" && isStarted);
}

/** The mesh keeps it for this agent across a reconnect. */
export function isHeld({ phase }: Assignment): boolean {
  return phase === "running" || phase === "ending";
}
