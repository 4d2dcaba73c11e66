import type { Task as A2aTask, Message, StreamResponse } from "@a2a-js/sdk";
import {
  ExtendedAgentCardNotConfiguredError,
  PushNotificationNotSupportedError,
  RequestMalformedError,
  TaskNotCancelableError,
  TaskNotFoundError,
  UnsupportedOperationError,
} from "@a2a-js/sdk/errors";
import type { A2ARequestHandler } from "@a2a-js/sdk/server";
import type { Principal } from "@devmesh/auth";
import { type Agent, isFinal, isUuid, type Task, type TaskId, type TaskState } from "@devmesh/models";
import { findStanding, waitForTask } from "@devmesh/runtime";
import { assertOthersQuestion, type Outcome } from "@devmesh/tasks";
import type { A2aDeps } from "./a2a-deps.ts";
import { toAgentCard } from "./agent-card.ts";
import { bindAnswer, hasAnswered } from "./bind-answer.ts";
import { agentLabel, contextOf } from "./labels.ts";
import { listTasks } from "./list-tasks.ts";
import { streamTask } from "./task-stream.ts";
import { toA2aTask } from "./to-a2a-task.ts";
import { toAnswer, toSubmission } from "./to-submission.ts";

/** One request: to whom it goes, from whom it comes, and when it is over. */
export interface A2aRequest {
  readonly agent: Agent;
  readonly principal: Principal;
  readonly origin: string;
  readonly traceparent: string | undefined;
  readonly signal: AbortSignal;
}

/** A request that waits for its task is answered after this time at the latest, with the task as it is then. */
const maxWaitMs = 60_000;

/** What the SDK's JSON-RPC binding calls: an agent of the mesh, for one request. Nothing is kept but in the ledger. */
export function createRequestHandler(deps: A2aDeps, request: A2aRequest): A2ARequestHandler {
  const { agent, principal, origin } = request;
  const { tenantId } = principal;
  const refusePush = (): Promise<never> => Promise.reject(new PushNotificationNotSupportedError());
  return {
    getAgentCard: async () => toAgentCard(agent, origin),
    getAuthenticatedExtendedAgentCard: () => Promise.reject(new ExtendedAgentCardNotConfiguredError()),
    sendMessage: async ({ message, configuration }) => {
      const sent = await take(deps, request, message);
      if (configuration?.returnImmediately !== true) await waitForEnd(deps, request, sent.id);
      return toA2aTask(await findTask(deps, request, sent.id), configuration?.historyLength);
    },
    sendMessageStream: async function* ({ message }) {
      yield* follow(deps, request, (await take(deps, request, message)).id);
    },
    getTask: async ({ id, historyLength }) => toA2aTask(await findTask(deps, request, id), historyLength),
    cancelTask: ({ id }) => cancel(deps, request, id),
    resubscribe: async function* ({ id }) {
      const task = await findTask(deps, request, id);
      if (isFinal(task.state)) throw new UnsupportedOperationError(`task ${id} is ${task.state}`);
      yield* follow(deps, request, task.id);
    },
    listTasks: (asked) => listTasks(deps.reads, { tenantId, agent }, asked),
    createTaskPushNotificationConfig: refusePush,
    getTaskPushNotificationConfig: refusePush,
    listTaskPushNotificationConfigs: refusePush,
    deleteTaskPushNotificationConfig: refusePush,
  };
}

/** Begins a task with a message, or answers what a task asked. */
async function take(deps: A2aDeps, request: A2aRequest, message: Message | undefined): Promise<Task> {
  if (message === undefined || message.messageId === "" || message.parts.length === 0) {
    throw new RequestMalformedError("message: needs a messageId and at least one part");
  }
  return message.taskId === "" ? begin(deps, request, message) : answer(deps, request, message);
}

async function begin(deps: A2aDeps, request: A2aRequest, message: Message): Promise<Task> {
  const { agent, principal, traceparent } = request;
  const { tenantId, id: principalId } = principal;
  // a message that comes again has the task that it had: its context must be the same, too
  const contextId = message.contextId || message.messageId;
  const context = { tenantId, principalId, idempotencyKey: message.messageId, traceparent };
  const { task } = await deps.engine.submit(context, toSubmission(message, agent, contextId));
  deps.nudgeOutbox();
  return task;
}

async function answer(deps: A2aDeps, request: A2aRequest, message: Message): Promise<Task> {
  const task = await findTask(deps, request, message.taskId);
  if (message.contextId !== "" && message.contextId !== contextOf(task)) {
    throw new RequestMalformedError(`contextId: task ${task.id} is of context ${contextOf(task)}`);
  }
  const { tenantId, id, kind, agentName } = request.principal;
  assertOthersQuestion(agentName, task);
  const given = toAnswer(message);
  const brought = { messageId: message.messageId, answer: given };
  const questionId = await bindAnswer(deps.ledger, request.principal, task, brought);
  if (hasAnswered(request.principal, task, questionId)) return task;
  const ref = { tenantId, taskId: task.id };
  const outcome = await deps.engine.answer(ref, { answer: given, questionId, answeredBy: { kind, id } });
  // the same message may have been quicker on another way
  if (outcome.kind === "refused" && hasAnswered(request.principal, await findTask(deps, request, task.id), questionId))
    return task;
  assertRecorded(outcome);
  deps.nudgeOutbox();
  return task;
}

async function cancel(deps: A2aDeps, request: A2aRequest, id: string): Promise<A2aTask> {
  const task = await findTask(deps, request, id);
  if (isFinal(task.state)) throw new TaskNotCancelableError(`task ${id} is ${task.state}`);
  const ref = { tenantId: request.principal.tenantId, taskId: task.id };
  assertRecorded(await deps.engine.cancel(ref, "cancelled over A2A"));
  deps.nudgeOutbox();
  return toA2aTask(await findTask(deps, request, id));
}

async function* follow(
  { reads, waiters }: A2aDeps,
  request: A2aRequest,
  taskId: TaskId,
): AsyncGenerator<StreamResponse, void, undefined> {
  const { signal } = request;
  const { tenantId } = request.principal;
  // watched before it is read: what changes between the two is heard
  using watch = waiters.watch({ tenantId, taskId });
  const { eventSeq } = await findStanding(reads, { tenantId, taskId });
  const task = await findTask({ reads }, request, taskId);
  yield* streamTask({ reads, watch, tenantId, task, afterSeq: eventSeq, signal });
}

async function waitForEnd({ reads, waiters }: A2aDeps, request: A2aRequest, taskId: TaskId): Promise<void> {
  const ref = { tenantId: request.principal.tenantId, taskId };
  const isDone = ({ state }: { readonly state: TaskState }): boolean => isFinal(state) || state === "waiting";
  await waitForTask({ reads, waiters }, ref, { timeoutMs: maxWaitMs, isDone, signal: request.signal });
}

/** A task that this agent was sent over A2A. @throws TaskNotFoundError for any other. */
async function findTask(
  { reads }: Pick<A2aDeps, "reads">,
  { agent, principal }: Pick<A2aRequest, "agent" | "principal">,
  id: string,
): Promise<Task> {
  const taskId = id.toLowerCase();
  const [task] = isUuid(taskId) ? await reads.get(principal.tenantId, [taskId as TaskId], "whole") : [];
  if (task?.labels.includes(agentLabel(agent))) return task;
  throw new TaskNotFoundError(`no task ${JSON.stringify(id)} of agent ${agent.name}`);
}

function assertRecorded(outcome: Outcome): void {
  if (outcome.kind === "refused") throw outcome.error;
}
