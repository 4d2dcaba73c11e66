import type { Agent, AgentUpdate, Task, TaskSubmission } from "@devmesh/models";
import type { TaskHandlers } from "./assignments/handler.ts";
import type { AgentMessage, MeshEvent, NewMessage, Sent, SubscribeOptions } from "./messages/messages.ts";

/** A task to submit: what has a default may be left out. */
export type NewTask = Pick<TaskSubmission, "type"> & { readonly [K in keyof TaskSubmission]?: TaskSubmission[K] };

/** How a submission is sent. */
export interface SubmitOptions {
  /** 1–255 characters. Without one the SDK makes one, so that a lost reply never submits twice. */
  readonly idempotencyKey?: string;
  /** The assignment that delegates this task: `ctx.assignmentId`. */
  readonly parentAssignmentId?: string;
}

/** Which agents are looked for. All that are given must hold. */
export interface DiscoverOptions {
  /** Agents that have all of these. */
  readonly capabilities?: readonly string[];
  readonly availability?: Agent["availability"];
  /** 1–200. */
  readonly limit?: number;
  /** `nextCursor` of the page before. */
  readonly cursor?: string;
}

/** One page of agents; without `nextCursor` it is the last. */
export interface AgentPage {
  readonly agents: readonly Agent[];
  /** Absent on the last page. */
  readonly nextCursor?: string;
}

/**
 * An agent of the mesh, connected until it is closed: lost connections come back by themselves, with what was under way.
 * Its requests reject with an `AppError`: what the server answered, `deadline_exceeded` after `requestTimeoutMs`,
 * `resource_exhausted` when too many wait, `cancelled` once the agent is closed.
 */
export interface MeshAgent extends AsyncDisposable {
  /** The agent as the server registered it last. */
  readonly registered: Agent;
  /**
   * Works until the agent is closed, and then resolves. Tasks are accepted by themselves, at most `maxConcurrency` at a
   * time; one whose type and capabilities have no handler is rejected. To be called once.
   *
   * @throws AppError if the agent has to stop for good: its credential ended (`unauthenticated`), it was revoked
   * (`permission_denied`), replaced (`conflict`, reason `replaced`) or deregistered (`failed_precondition`).
   */
  handle(handlers: TaskHandlers): Promise<void>;
  /** Submits a task and gives it as it is once it is durable. */
  submit(task: NewTask, options?: SubmitOptions): Promise<Task>;
  /** @throws AppError `not_found` */
  get(taskId: string): Promise<Task>;
  discover(options?: DiscoverOptions): Promise<AgentPage>;
  /** What is absent stays as it is. Holds across reconnects. */
  update(update: AgentUpdate): Promise<Agent>;
  /**
   * Sends a message to an agent, a topic or all other agents; resolves once it is durable in their mailboxes. A lost
   * reply never sends it twice.
   *
   * @throws AppError `not_found` if `to` names no agent, `resource_exhausted` if its mailbox is full.
   */
  send(message: NewMessage): Promise<Sent>;
  /**
   * Subscribes to topics of messages and events, and gives all topics in force. Plain ones are subscribed anew after a
   * reconnect, and what came meanwhile is missed; durable ones miss nothing and last until {@link unsubscribe}.
   *
   * @throws AppError `resource_exhausted` past 100 topics.
   */
  subscribe(topics: readonly string[], options?: SubscribeOptions): Promise<readonly string[]>;
  /** Gives all topics still in force. One that is not in force is no error. */
  unsubscribe(topics: readonly string[]): Promise<readonly string[]>;
  /**
   * Hears the messages that come, one after the other; a message is acknowledged once its handler has finished, however
   * it did, and comes again after a restart if it had not. What came before waits for the first handler until `handle`
   * is called. A later handler takes the place of the one before.
   */
  onMessage(handler: (message: AgentMessage) => unknown): void;
  /** Hears the events of subscribed topics, as {@link onMessage} does messages; those of plain ones come at most once. */
  onEvent(handler: (event: MeshEvent) => unknown): void;
  /** Deregisters the agent, which ends it; its tasks go back to the queue. @throws AppError `unavailable` while disconnected. */
  leave(): Promise<void>;
  /**
   * Accepts nothing more, lets handlers finish for `graceMs`, aborts the rest and gives their tasks back, says GOODBYE
   * and closes. The agent stays registered. Idempotent; never rejects.
   */
  close(): Promise<void>;
}
