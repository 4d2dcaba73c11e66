import type { AppError } from "@devmesh/models";
import type { Message, PayloadOf } from "@devmesh/protocol";
import type { AgentEvent } from "../agent-event.ts";
import type { Assignments } from "../assignments/assignments.ts";
import type { Messages } from "../messages/messages.ts";
import type { ReceivedSeqs } from "../messages/received-seqs.ts";
import { toReceivedError } from "../requests/request.ts";
import type { Requests } from "../requests/requests.ts";

export interface DispatchDeps {
  readonly requests: Requests;
  readonly seqs: ReceivedSeqs;
  readonly assignments: Assignments;
  readonly messages: Messages;
  readonly report: (event: AgentEvent) => void;
  /** A frame that has to be acknowledged has come. */
  readonly onSequenced: () => void;
}

type Pushed = Message<"TASK_ASSIGN" | "TASK_CANCEL" | "MESSAGE" | "EVENT">;

/** Gives a message of the server to whom it is for: the request it answers, an assignment, or who listens. */
export function dispatch(deps: DispatchDeps, message: Message): void {
  if (isPushed(message)) {
    dispatchPushed(deps, message);
    return;
  }
  const re = "re" in message.payload ? message.payload.re : undefined;
  if (re !== undefined) deps.requests.settle(re, message);
  else if (message.name === "ERROR") dispatchError(deps, message.payload);
}

function isPushed(message: Message): message is Pushed {
  return ["TASK_ASSIGN", "TASK_CANCEL", "MESSAGE", "EVENT"].includes(message.name);
}

/** A `seq` that was seen before is dropped. */
function dispatchPushed({ seqs, assignments, messages, onSequenced }: DispatchDeps, message: Pushed): void {
  const { seq } = message.payload;
  if (seq !== undefined && !seqs.receive(seq)) return;
  if (message.name === "TASK_ASSIGN") assignments.offer(message.payload);
  else if (message.name === "TASK_CANCEL") assignments.cancel(message.payload);
  else if (message.name === "MESSAGE") messages.receive(message.payload);
  else messages.receiveEvent(message.payload);
  if (seq !== undefined) onSequenced();
}

function dispatchError({ assignments, report }: DispatchDeps, payload: PayloadOf<"ERROR">): void {
  const error: AppError = toReceivedError(payload);
  const assignmentId = readAssignmentId(payload.details);
  if (assignmentId !== undefined) assignments.refuseProgress(assignmentId, error);
  else report({ type: "problem", error });
}

function readAssignmentId(details: unknown): string | undefined {
  if (typeof details !== "object" || details === null || !("assignmentId" in details)) return undefined;
  return typeof details.assignmentId === "string" ? details.assignmentId : undefined;
}
