import { type AssignmentId, parseId } from "@devmesh/models";
import type { PayloadOf } from "@devmesh/protocol";
import type { AgentWord, Outcome } from "@devmesh/tasks";
import { askWord, completeWord, failWord, progressWord, toRecorded } from "../assignments/words.ts";
import type { Connection } from "../connections/connection.ts";
import { assertRegistered } from "../connections/connection-state.ts";
import type { ServerContext } from "../server-context.ts";
import { performInOrder } from "./assignment-order.ts";

/** TASK_ACCEPT */
export function accept(
  context: ServerContext,
  connection: Connection,
  payload: PayloadOf<"TASK_ACCEPT">,
): Promise<void> {
  return say(context, connection, { about: payload, word: { kind: "accept" } });
}

/** TASK_REJECT */
export function reject(
  context: ServerContext,
  connection: Connection,
  payload: PayloadOf<"TASK_REJECT">,
): Promise<void> {
  return say(context, connection, { about: payload, word: { kind: "reject", reason: payload.reason } });
}

/** TASK_PROGRESS; answered only if it carries `id`. */
export function progress(
  context: ServerContext,
  connection: Connection,
  payload: PayloadOf<"TASK_PROGRESS">,
): Promise<void> {
  return say(context, connection, { about: payload, word: progressWord(payload) });
}

/** TASK_COMPLETE */
export function complete(
  context: ServerContext,
  connection: Connection,
  payload: PayloadOf<"TASK_COMPLETE">,
): Promise<void> {
  return say(context, connection, { about: payload, word: completeWord(payload) });
}

/** TASK_FAIL */
export function fail(context: ServerContext, connection: Connection, payload: PayloadOf<"TASK_FAIL">): Promise<void> {
  return say(context, connection, { about: payload, word: failWord(payload) });
}

/** TASK_EXTEND */
export function extend(
  context: ServerContext,
  connection: Connection,
  payload: PayloadOf<"TASK_EXTEND">,
): Promise<void> {
  return say(context, connection, { about: payload, word: { kind: "extend", leaseMs: payload.leaseMs } });
}

/** TASK_NEEDS_INPUT */
export function needInput(
  context: ServerContext,
  connection: Connection,
  payload: PayloadOf<"TASK_NEEDS_INPUT">,
): Promise<void> {
  const word = askWord(payload, { id: context.newId(), requestId: payload.id });
  return say(context, connection, { about: payload, word });
}

interface Said {
  readonly about: { readonly id?: string | undefined; readonly assignmentId: string; readonly fence: number };
  readonly word: AgentWord;
}

/** Hands the word to the engine, within this turn where nothing goes before it, and answers once it is durable. */
async function say(context: ServerContext, connection: Connection, { about, word }: Said): Promise<void> {
  const { agentId } = assertRegistered(connection.state);
  const assignmentId = parseId<AssignmentId>(about.assignmentId, "assignment");
  connection.assignmentOrder ??= new Map();
  const outcome = await performInOrder(
    connection.assignmentOrder,
    { assignmentId, turn: context.turn(), isAlone: word.kind === "complete" || word.kind === "ask" },
    () => context.engine.perform({ tenantId: connection.tenantId, agentId, assignmentId, fence: about.fence, word }),
  );
  answer(connection, about, outcome);
}

function answer(connection: Connection, about: Said["about"], outcome: Outcome): void {
  const { taskState, leaseUntil, duplicate } = toRecorded(outcome);
  if (about.id === undefined) return;
  connection.send("TASK_RECORDED", {
    re: about.id,
    assignmentId: about.assignmentId,
    taskState,
    ...(leaseUntil !== undefined && { leaseUntil: leaseUntil.toISOString() }),
    duplicate,
  });
}
