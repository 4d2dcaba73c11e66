import { type Task as A2aTask, type Artifact, Message, type Part, Role, TaskState, type TaskStatus } from "@a2a-js/sdk";
import type { TaskState as MeshState, Task } from "@devmesh/models";
import { contextOf } from "./labels.ts";

const statesByMeshState: Readonly<Record<MeshState, TaskState>> = {
  blocked: TaskState.TASK_STATE_SUBMITTED,
  scheduled: TaskState.TASK_STATE_SUBMITTED,
  queued: TaskState.TASK_STATE_SUBMITTED,
  assigned: TaskState.TASK_STATE_SUBMITTED,
  running: TaskState.TASK_STATE_WORKING,
  waiting: TaskState.TASK_STATE_INPUT_REQUIRED,
  completed: TaskState.TASK_STATE_COMPLETED,
  failed: TaskState.TASK_STATE_FAILED,
  cancelled: TaskState.TASK_STATE_CANCELED,
};

/** What A2A calls a state of the mesh's. */
export function toA2aState(state: MeshState): TaskState {
  return statesByMeshState[state];
}

/** A task as A2A shows it. @param historyLength of the latest messages; all where it is undefined. */
export function toA2aTask(task: Task, historyLength?: number): A2aTask {
  const history = toHistory(task);
  return {
    id: task.id,
    contextId: contextOf(task),
    status: toStatus(task),
    artifacts: toArtifacts(task),
    history: historyLength === undefined ? history : history.slice(Math.max(0, history.length - historyLength)),
    metadata: undefined,
  };
}

/** How a task stands, with what its agent says, asks, or has failed of. */
export function toStatus(task: Task): TaskStatus {
  const parts = statusParts(task);
  return {
    state: toA2aState(task.state),
    message: parts.length === 0 ? undefined : agentMessage(task, `${task.id}-${task.updatedAt}`, parts),
    timestamp: task.updatedAt,
  };
}

/** What a task resulted in: its output, and each artifact by the context that holds it. */
export function toArtifacts({ id, state, output, artifacts = [] }: Task): Artifact[] {
  if (state !== "completed") return [];
  const kept = artifacts.map((one) => toArtifact(one.contextId, one.name, dataPart(one)));
  return output === undefined ? kept : [toArtifact(`${id}-output`, "output", valuePart(output)), ...kept];
}

/** A value as a part: a text as text, anything else as data. */
export function valuePart(value: unknown): Part {
  return typeof value === "string" ? textPart(value) : dataPart(value);
}

/** A message of the agent that works on a task. */
export function agentMessage(task: Task, messageId: string, parts: Part[]): Message {
  const at = { taskId: task.id, contextId: contextOf(task) };
  return { ...at, messageId, role: Role.ROLE_AGENT, parts, metadata: undefined, extensions: [], referenceTaskIds: [] };
}

function statusParts({ state, question, error, progress }: Task): Part[] {
  if (state === "waiting" && question !== undefined) {
    const { question: text, schema } = question;
    return [textPart(text), ...(schema === undefined ? [] : [dataPart({ schema })])];
  }
  if (state === "failed" && error !== undefined) return [textPart(`${error.class}: ${error.message}`)];
  return state === "running" && progress?.note !== undefined ? [textPart(progress.note)] : [];
}

/** The message that the task began with, and after it questions and answers in turn. */
function toHistory(task: Task): Message[] {
  const talk = (task.answers ?? []).flatMap(({ questionId, question, answer }) => [
    agentMessage(task, `${questionId}-question`, [textPart(question)]),
    { ...agentMessage(task, `${questionId}-answer`, [valuePart(answer)]), role: Role.ROLE_USER },
  ]);
  return [firstMessage(task), ...talk];
}

/** A message of data alone was not kept beside its data. */
function firstMessage(task: Task): Message {
  const { id, input } = task;
  const at = { taskId: id, contextId: contextOf(task) };
  if (isMessageInput(input)) return { ...Message.fromJSON(input.message), ...at };
  return { ...agentMessage(task, `${id}-input`, [dataPart(input)]), role: Role.ROLE_USER };
}

function isMessageInput(input: unknown): input is { readonly message: object } {
  const { message } = (input ?? {}) as { readonly message?: unknown };
  return typeof message === "object" && message !== null && "messageId" in message && "parts" in message;
}

function toArtifact(artifactId: string, name: string, part: Part): Artifact {
  return { artifactId, name, description: "", parts: [part], metadata: undefined, extensions: [] };
}

function textPart(value: string): Part {
  return toPart({ $case: "text", value }, "text/plain");
}

function dataPart(value: unknown): Part {
  return toPart({ $case: "data", value }, "application/json");
}

function toPart(content: NonNullable<Part["content"]>, mediaType: string): Part {
  return { content, metadata: undefined, filename: "", mediaType };
}
