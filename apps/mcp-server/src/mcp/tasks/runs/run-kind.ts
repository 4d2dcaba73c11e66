import type { Principal } from "@devmesh/auth";
import type { TaskId } from "@devmesh/models";
import type { CallToolResult } from "@modelcontextprotocol/server";
import type { RunAnswers, RunAsks } from "../run-question.ts";

/** One run of a call, on the node that has claimed its task. */
export interface Run {
  readonly taskId: TaskId;
  /** On whose behalf: with those scopes of the call that the key has still. Looked at anew now and then. */
  readonly principal: Principal;
  /** As they were submitted; JSON. */
  readonly arguments: unknown;
  readonly traceparent: string | undefined;
  /** Aborts when the task was cancelled, when it is another node's, when the caller's key has ended, and when the node ends. */
  readonly signal: AbortSignal;
  /**
   * Asks a person for all of these at once and gives the answers when they are all there; the task is `waiting`
   * meanwhile. What was answered in an earlier try is not asked again, as long as the run asks for the same in the same order.
   */
  ask(asks: RunAsks): Promise<RunAnswers>;
  /** Tells how far it is. Never throws; what comes too fast is left out. */
  report(progress: { readonly percent?: number; readonly note?: string }): void;
}

/**
 * What a call that runs as a task does. Every node knows the same kinds by name, so that any of them can carry out what
 * another has submitted. A result with `isError` is a result, and so is an AppError that is thrown, as in an answer;
 * `unavailable` is tried again where the run may be repeated. A ProtocolError fails the task with its code.
 */
export interface RunKind {
  readonly name: string;
  /** Whether a principal that lost scopes since the call may still do this; always, unless given. */
  isAllowed?(principal: Principal, given: unknown): Promise<boolean>;
  run(run: Run): Promise<CallToolResult>;
}
