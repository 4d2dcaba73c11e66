export {
  type AgentPage,
  connectAgent,
  type DiscoverOptions,
  type MeshAgent,
  type NewTask,
  type SubmitOptions,
} from "./agent.ts";
export type { AgentEvent } from "./agent-event.ts";
export { type Clock, systemClock } from "./clock.ts";
export {
  type Completion,
  completed,
  type LogLevel,
  type ProgressUpdate,
  type TaskContext,
  TaskFailure,
  type TaskFailureOptions,
  type TaskHandler,
  type TaskHandlers,
} from "./handler.ts";
export type { ConnectOptions } from "./options.ts";
