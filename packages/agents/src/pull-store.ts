import type { Agent, AgentId, AgentLoad, AssignmentId, AssignmentState, TaskId, TenantId } from "@devmesh/models";

/** How long an agent that claims counts as present after each sign of life, unless it is said otherwise. */
export const defaultPresenceMs = 120_000;

/** Names an agent. */
export interface AgentRef {
  readonly tenantId: TenantId;
  readonly agentId: AgentId;
}

/** An assignment that an agent holds. */
export interface HeldAssignment {
  readonly assignmentId: AssignmentId;
  readonly fence: number;
  readonly taskId: TaskId;
  /** `offered` for what it was sent while it was connected, and has not accepted. */
  readonly state: AssignmentState;
  /** RFC 3339; absent where it was not accepted, or while its clock stands still: it asks, or waits for its children. */
  readonly leaseUntil?: string;
}

/** An agent as its sign of life found it. */
export interface PullHeartbeat {
  readonly agent: Agent;
  /** RFC 3339: it counts as present until then, unless it says something again. */
  readonly presentUntil: string;
  /** The oldest first; all of them: at most its slots, and what waits for its children. At most 2,000. */
  readonly holding: readonly HeldAssignment[];
  /** How many frames wait in the mailbox behind `ackedSeq`; what is above 1,000 is not counted. */
  readonly mail: number;
  readonly ackedSeq: number;
}

/** A frame in a mailbox: what a socket would carry, of the wire protocol's type and payload. */
export interface InboxFrame {
  readonly seq: number;
  readonly type: number;
  readonly payload: Readonly<Record<string, unknown>>;
}

/** A part of a mailbox. */
export interface Inbox {
  /** In order of `seq`: as many as were asked for, and nothing after a MiB. */
  readonly frames: readonly InboxFrame[];
  readonly ackedSeq: number;
}

/** What agents without a connection do: they claim their tasks and fetch their mail. */
export interface PullStore {
  /**
   * Keeps an agent present for `presenceMs` from now, and tells what it holds. Undefined where no such agent claims: it is
   * not registered, or it has connected and has to register again.
   */
  heartbeat(
    agent: AgentRef,
    sign: { readonly presenceMs: number; readonly load?: AgentLoad | undefined },
  ): Promise<PullHeartbeat | undefined>;
  /**
   * Takes what lies in the mailbox up to `seq` out of it. What was acknowledged stays so; past the last that was given
   * out everything is. Undefined as above: a connected agent acknowledges over its connection.
   */
  acknowledge(agent: AgentRef, seq: number): Promise<{ readonly ackedSeq: number } | undefined>;
  /** Mail behind `afterSeq`, or behind what was acknowledged; assignments aside. Undefined for an unknown agent. */
  readInbox(
    agent: AgentRef,
    page: { readonly afterSeq?: number | undefined; readonly limit: number },
  ): Promise<Inbox | undefined>;
}
