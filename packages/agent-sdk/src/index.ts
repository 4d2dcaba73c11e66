export { connectAgent } from "./agent.ts";
export type { AgentEvent } from "./agent-event.ts";
export type { AskOptions } from "./assignments/ask.ts";
export type { ChildOptions, ChildResult, DelegateOptions } from "./assignments/delegate.ts";
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
} from "./assignments/handler.ts";
export { type Clock, systemClock } from "./clock.ts";
export type { AgentPage, DiscoverOptions, MeshAgent, NewTask, SubmitOptions } from "./mesh-agent.ts";
export type {
  AgentMessage,
  MeshEvent,
  MessageTarget,
  NewMessage,
  Sent,
  SubscribeOptions,
} from "./messages/messages.ts";
export type { ConnectOptions } from "./options.ts";
