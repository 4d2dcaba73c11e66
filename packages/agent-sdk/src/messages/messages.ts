import { AppError, toAppError } from "@devmesh/models";
import type { PayloadOf } from "@devmesh/protocol";
import type { AgentEvent } from "../agent-event.ts";
import type { Outbox } from "../link/outbox.ts";
import { connectionLost, type ReplyTo } from "../requests/request.ts";
import type { Requests } from "../requests/requests.ts";
import { HandlerLine } from "./handler-line.ts";
import type { ReceivedSeqs } from "./received-seqs.ts";

/** What another agent, or the mesh itself (`from.name` is `devmesh`, `from.id` all zeros), sent to this one. */
export type AgentMessage = Omit<PayloadOf<"MESSAGE">, "seq" | "traceparent">;

/** Something that happened in the mesh; `topic` is its type, `subject` the id of what it is about. */
export type MeshEvent = PayloadOf<"EVENT">["event"] & { readonly topic: string };

/** To whom a message goes: one agent by id or name, those that subscribed a topic, or all others. */
export type MessageTarget =
  | { readonly to: string; readonly topic?: never; readonly broadcast?: never }
  | { readonly topic: string; readonly to?: never; readonly broadcast?: never }
  | { readonly broadcast: true; readonly to?: never; readonly topic?: never };

/** A message to send. */
export type NewMessage = MessageTarget & {
  /** 1–128 characters: what the receiver tells messages apart by. */
  readonly kind: string;
  /** Any JSON of at most 1 MiB. */
  readonly content: unknown;
  readonly correlationId?: string;
  /** A receiver that has not got it by then never does. At most 30 days. */
  readonly ttlMs?: number;
  /** A UUID that makes sending again harmless for 24 h. The SDK makes one where it is left out. */
  readonly messageId?: string;
};

/** What became of a message: `accepted` agents have it in their mailbox, of which `queued` are offline. */
export type Sent = Pick<ReplyTo<"SEND">, "messageId" | "accepted" | "queued">;

/** How topics are subscribed. */
export interface SubscribeOptions {
  /** True: it outlives the connection. */
  readonly durable?: boolean;
}

/** A message of the mesh itself about an assignment, such as `task.answer` or `task.children`. */
export interface TaskMessage {
  readonly kind: string;
  readonly messageId: string;
  readonly assignmentId: string;
  readonly content: unknown;
}

/** Takes a {@link TaskMessage}; it is acknowledged once what this returns has resolved. Must not throw. */
export type TaskMessageListener = (message: TaskMessage) => void | Promise<void>;

export interface MessagesOptions {
  readonly requests: Requests;
  readonly seqs: ReceivedSeqs;
  readonly report: (event: AgentEvent) => void;
  /** Called when something was processed, so that it will be acknowledged. */
  readonly wake: () => void;
}

/** The id of the mesh as a sender. */
const meshId = "00000000-0000-0000-0000-000000000000";
/** Ids of messages that are remembered, so that each is heard once. Judgement. */
const maxSeenIds = 10_000;

/** Messages and events: what is sent, what is subscribed, and who hears what comes. */
export class Messages {
  readonly #options: MessagesOptions;
  readonly #lines: {
    readonly messages: HandlerLine<PayloadOf<"MESSAGE">>;
    readonly events: HandlerLine<PayloadOf<"EVENT">>;
  };
  readonly #taskListeners = new Map<string, TaskMessageListener>();
  readonly #seenIds = new Set<string>();
  /** Subscribed again after each reconnect. */
  readonly #plainTopics = new Set<string>();

  constructor(options: MessagesOptions) {
    this.#options = options;
    const { report } = options;
    const process = (seq: number): void => this.#process(seq);
    this.#lines = {
      messages: new HandlerLine({ noun: "message", process, report }),
      events: new HandlerLine({ noun: "event", process, report }),
    };
  }

  /** MESSAGE, its `seq` received for the first time. */
  receive(message: PayloadOf<"MESSAGE">): void {
    if (!this.#isNew(`${message.from.id} ${message.messageId}`)) {
      this.#process(message.seq);
      return;
    }
    if (message.from.id === meshId && message.kind.startsWith("task.")) void this.#tellTask(message);
    else this.#lines.messages.push(message);
  }

  /** EVENT; with a `seq` received for the first time. */
  receiveEvent(event: PayloadOf<"EVENT">): void {
    this.#lines.events.push(event);
  }

  onMessage(handler: (message: AgentMessage) => unknown): void {
    this.#lines.messages.listen(({ seq: _, traceparent: _t, ...message }) => handler(message));
  }

  onEvent(handler: (event: MeshEvent) => unknown): void {
    this.#lines.events.listen(({ topic, event }) => handler({ ...event, topic }));
  }

  /** Who hears the mesh's own messages of this kind, instead of {@link onMessage}. What has no listener is passed over. */
  onTaskMessage(kind: string, listener: TaskMessageListener): void {
    this.#taskListeners.set(kind, listener);
  }

  async send(message: NewMessage): Promise<Sent> {
    const body = { ...message, messageId: message.messageId ?? crypto.randomUUID() };
    const { messageId, accepted, queued } = await this.#options.requests.send("SEND", body, { kind: "call" });
    return { messageId, accepted, queued };
  }

  async subscribe(topics: readonly string[], { durable = false }: SubscribeOptions = {}): Promise<readonly string[]> {
    const reply = await this.#options.requests.send("SUBSCRIBE", { topics, durable }, { kind: "call" });
    for (const topic of topics) {
      if (durable) this.#plainTopics.delete(topic);
      else this.#plainTopics.add(topic);
    }
    return reply.topics;
  }

  async unsubscribe(topics: readonly string[]): Promise<readonly string[]> {
    for (const topic of topics) this.#plainTopics.delete(topic);
    return (await this.#options.requests.send("UNSUBSCRIBE", { topics }, { kind: "call" })).topics;
  }

  /** Subscribes the plain topics on a new connection. @throws AppError if that was lost meanwhile. */
  async resubscribe(outbox: Outbox): Promise<void> {
    const topics = [...this.#plainTopics];
    if (topics.length === 0) return;
    try {
      await this.#options.requests.sendNow(outbox, "SUBSCRIBE", { topics });
    } catch (caught) {
      const error = toAppError(caught);
      if (error.reason === connectionLost) throw error;
      this.#options.report({ type: "problem", error });
    }
  }

  /** The agent works now: what nobody listens to is passed over. */
  start(): void {
    this.#lines.messages.waitNoLonger();
    this.#lines.events.waitNoLonger();
  }

  /** Resolves when no handler is at work; what came and was not handled will come again. */
  async stop(): Promise<void> {
    await Promise.all([this.#lines.messages.stop(), this.#lines.events.stop()]);
  }

  async #tellTask(message: PayloadOf<"MESSAGE">): Promise<void> {
    const { kind, messageId, correlationId: assignmentId = "", content, seq } = message;
    try {
      await this.#taskListeners.get(kind)?.({ kind, messageId, assignmentId, content });
    } catch (cause) {
      this.#options.report({ type: "problem", error: new AppError("internal", `${kind} was not taken`, { cause }) });
    }
    this.#process(seq);
  }

  /** Ids are unique for each sender. */
  #isNew(sentId: string): boolean {
    if (this.#seenIds.has(sentId)) return false;
    this.#seenIds.add(sentId);
    if (this.#seenIds.size > maxSeenIds) {
      const [oldest] = this.#seenIds;
      if (oldest !== undefined) this.#seenIds.delete(oldest);
    }
    return true;
  }

  #process(seq: number): void {
    this.#options.seqs.process(seq);
    this.#options.wake();
  }
}
