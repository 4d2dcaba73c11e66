import { AppError, type AssignmentId, defaultQuestionMs, parseId } from "@devmesh/models";
import type { PayloadOf } from "@devmesh/protocol";
import type { AgentWord, Outcome } from "@devmesh/tasks";
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
  const { percent, note, log } = payload;
  return say(context, connection, { about: payload, word: { kind: "progress", percent, note, log } });
}

/** TASK_COMPLETE */
export function complete(
  context: ServerContext,
  connection: Connection,
  payload: PayloadOf<"TASK_COMPLETE">,
): Promise<void> {
  const word: AgentWord = {
    kind: "complete",
    output: JSON.stringify(payload.output),
    artifacts: toJson(payload.artifacts),
    usage: toJson(payload.usage),
  };
  return say(context, connection, { about: payload, word });
}

/** TASK_FAIL */
export function fail(context: ServerContext, connection: Connection, payload: PayloadOf<"TASK_FAIL">): Promise<void> {
  const { class: failureClass, message, retryAfterMs } = payload;
  const usage = toJson(payload.usage);
  return say(context, connection, {
    about: payload,
    word: { kind: "fail", class: failureClass, message, retryAfterMs, usage },
  });
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
  const { id: requestId, question, schema, timeoutMs = defaultQuestionMs, onTimeout = "fail" } = payload;
  const word: AgentWord = {
    kind: "ask",
    id: context.newId(),
    requestId,
    question,
    schema,
    timeoutMs,
    onTimeout,
    default: payload.default,
  };
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
  if (outcome.kind === "refused") throw outcome.error;
  if (outcome.kind !== "recorded") throw new AppError("internal", "an output was not validated");
  if (about.id === undefined) return;
  const { taskState, leaseUntil, duplicate } = outcome;
  connection.send("TASK_RECORDED", {
    re: about.id,
    assignmentId: about.assignmentId,
    taskState,
    ...(leaseUntil !== undefined && { leaseUntil: leaseUntil.toISOString() }),
    duplicate,
  });
}

function toJson(value: unknown): string | undefined {
  return value === undefined ? undefined : JSON.stringify(value);
}
