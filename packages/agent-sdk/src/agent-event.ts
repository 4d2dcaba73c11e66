import type { AppError, TaskId, TaskState } from "@devmesh/models";

/** What an agent tells of itself as it goes; nothing needs to be done about any of it. */
export type AgentEvent =
  | { readonly type: "connected"; readonly connectionId: string; readonly nodeId: string }
  | { readonly type: "disconnected"; readonly error: AppError; readonly retryInMs: number }
  /** The end of an attempt is durable. `taskState` is absent if that was only learned after a reconnect. */
  | { readonly type: "recorded"; readonly taskId: TaskId; readonly taskState?: TaskState }
  /** An assignment ended without a result of this agent: cancelled, lease lost, refused. */
  | { readonly type: "dropped"; readonly taskId: TaskId; readonly error: AppError }
  /** The server sent something that could not be understood, or an error that belongs to no request. */
  | { readonly type: "problem"; readonly error: AppError };
