import { AppError, type ErrorBody, type Task, type TaskId } from "@devmesh/models";
import type { LocalMesh } from "./local-file.ts";

/** The few calls of the REST API that the demo makes. */
export interface MeshClient {
  /** Submits tasks in one request; each that was refused is left out. */
  submit(tasks: readonly DemoTask[]): Promise<readonly { readonly id: TaskId }[]>;
  /** The task when it is final, or as it is after a minute. */
  wait(taskId: TaskId): Promise<Task>;
}

export interface DemoTask {
  readonly type: string;
  readonly title: string;
  readonly input: unknown;
}

const waitMs = 60_000;

export function createMeshClient({ restUrl, apiKey }: LocalMesh, signal: AbortSignal): MeshClient {
  async function call<T>(path: string, body?: unknown): Promise<T> {
    const response = await fetch(`${restUrl}/api/v1${path}`, {
      method: body === undefined ? "GET" : "POST",
      headers: { authorization: `Bearer ${apiKey}`, "content-type": "application/json" },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      signal,
    });
    const answer = (await response.json()) as { readonly data?: T; readonly error?: ErrorBody };
    if (answer.error !== undefined) throw new AppError(answer.error.code, answer.error.message);
    return answer.data as T;
  }
  return {
    submit: async (tasks) => {
      const results = await call<readonly { readonly task?: Task }[]>("/tasks/batch", { tasks });
      return results.flatMap(({ task }) => (task === undefined ? [] : [{ id: task.id as TaskId }]));
    },
    wait: (taskId) => call<Task>(`/tasks/${taskId}/wait?timeoutMs=${waitMs}`),
  };
}
