import type { StreamResponse } from "@a2a-js/sdk";
import { isFinal, type Task, type TaskEvent, type TaskEventType, type TaskState } from "@devmesh/models";
import { followEvents, type TaskWatch } from "@devmesh/runtime";
import type { A2aReads } from "./a2a-deps.ts";
import { contextOf } from "./labels.ts";
import { agentMessage, toA2aState, toA2aTask, toArtifacts, toStatus, valuePart } from "./to-a2a-task.ts";

/** What a stream of a task stands on. */
export interface TaskStreamOptions {
  readonly reads: A2aReads;
  readonly watch: TaskWatch;
  readonly tenantId: Parameters<A2aReads["events"]>[0];
  readonly task: Task;
  /** The last event that `task` shows. */
  readonly afterSeq: number;
  readonly signal: AbortSignal;
}

/** How long is waited at a time: what keeps the connection is written elsewhere. */
const keepAliveMs = 60_000;

/** What a step of a task means for those who follow it; steps of the mesh among itself are left out. */
const statesByEvent: Readonly<Partial<Record<TaskEventType, TaskState>>> = {
  "task.accepted": "running",
  "task.progress": "running",
  "task.answered": "running",
  "task.queued": "queued",
};

/**
 * Yields a task as it stands, then each step: what its agent reports, and at the end what it resulted in, and its last
 * state. It ends too when the task waits for an answer, which comes as another message.
 */
export async function* streamTask(options: TaskStreamOptions): AsyncGenerator<StreamResponse, void, undefined> {
  const { task } = options;
  yield { payload: { $case: "task", value: toA2aTask(task) } };
  if (isResting(task)) return;
  for await (const event of followEvents({ ...options, taskId: task.id, keepAliveMs })) {
    if (event === undefined) continue;
    const state = statesByEvent[event.type];
    if (state !== undefined) yield toUpdate(task, event, state);
    const rested = isRest(event) ? await findResting(options) : undefined;
    if (rested === undefined) continue;
    yield* lastWords(rested);
    return;
  }
}

/** The task, where it has not gone on since. */
async function findResting({ reads, tenantId, task }: TaskStreamOptions): Promise<Task | undefined> {
  const [now] = await reads.get(tenantId, [task.id], "whole");
  return now !== undefined && isResting(now) ? now : undefined;
}

function isResting({ state }: Task): boolean {
  return isFinal(state) || state === "waiting";
}

function isRest({ type }: TaskEvent): boolean {
  return ["task.waiting", "task.completed", "task.failed", "task.cancelled"].includes(type);
}

function* lastWords(task: Task): Generator<StreamResponse, void> {
  const at = { taskId: task.id, contextId: contextOf(task), metadata: undefined };
  for (const artifact of toArtifacts(task)) {
    yield { payload: { $case: "artifactUpdate", value: { ...at, artifact, append: false, lastChunk: true } } };
  }
  yield { payload: { $case: "statusUpdate", value: { ...at, status: toStatus(task) } } };
}

function toUpdate(task: Task, { seq, at, data }: TaskEvent, state: TaskState): StreamResponse {
  const note = data["note"];
  const message =
    typeof note === "string" ? agentMessage(task, `${task.id}-event-${seq}`, [valuePart(note)]) : undefined;
  const value = {
    taskId: task.id,
    contextId: contextOf(task),
    status: { state: toA2aState(state), message, timestamp: at },
    metadata: undefined,
  };
  return { payload: { $case: "statusUpdate", value } };
}
