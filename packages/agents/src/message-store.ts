import type { AgentId, EventCursor, NodeId, TenantId } from "@devmesh/models";
import type { HeldConnection } from "./agent-store.ts";

/** Whom a message is for: one agent by id or name, those that subscribed a topic, or all other agents. */
export type MessageTarget = { readonly to: string } | { readonly topic: string } | { readonly broadcast: true };

/** A message on its way, as its sender gave it. */
export interface OutgoingMessage {
  readonly tenantId: TenantId;
  readonly senderId: AgentId;
  readonly senderName: string;
  readonly target: MessageTarget;
  readonly messageId: string;
  /** Whether the sender chose the id, and may send the message again under it. */
  readonly isRepeatable: boolean;
  readonly kind: string;
  /** JSON. */
  readonly content: string;
  readonly correlationId?: string | undefined;
  /** Who has not been sent it by then never is. */
  readonly ttlMs?: number | undefined;
}

/** An agent that has something new in its mailbox. */
export interface MailReceiver {
  readonly tenantId: TenantId;
  readonly agentId: AgentId;
  /** Undefined while it is not connected. */
  readonly nodeId: NodeId | undefined;
  /** It fetches its mail, and is present: at which node it waits for it, nobody knows. */
  readonly isPulling?: boolean | undefined;
}

/** What became of a message. */
export type SendOutcome =
  | {
      readonly kind: "sent";
      /** Agents that have it in their mailbox, and how many of them were neither connected nor present. */
      readonly accepted: number;
      readonly queued: number;
      /** Whom to tell; nobody when the message had been sent before. */
      readonly receivers: readonly MailReceiver[];
    }
  /** `to` names no agent. */
  | { readonly kind: "unknown" }
  /** The mailbox of the one that `to` names is full. */
  | { readonly kind: "full" };

/** Where messages wait for agents. */
export interface MessageStore {
  /**
   * Puts messages into mailboxes, all in one transaction, in the order given; gives the outcomes in that order. One copy
   * for each agent, none for the sender. A mailbox that is full is passed over where the message is for several agents.
   * A repeatable one whose id this sender used within 24 h has the outcome that it had then, and no effect.
   */
  send(messages: readonly OutgoingMessage[]): Promise<readonly SendOutcome[]>;
}

/** Which topics an agent has in force. */
export interface Subscriptions {
  /** In the order of their text. */
  readonly topics: readonly { readonly topic: string; readonly isDurable: boolean }[];
  /** Before every event that is committed from now on, and behind all that can be read now. */
  readonly cursor: EventCursor;
}

/** Where subscriptions are kept. A plain one counts while the connection that made it has the agent. */
export interface SubscriptionStore {
  /**
   * Adds topics. A durable one stays durable.
   *
   * @throws AppError `resource_exhausted` past 100 topics, and nothing is changed; `conflict`, reason `replaced`, where a
   * newer connection has the agent.
   */
  subscribe(
    connection: HeldConnection,
    topics: readonly string[],
    options: { readonly isDurable: boolean },
  ): Promise<Subscriptions>;
  /** Takes topics away, durable ones too; what is not in force is no error. @throws AppError as `subscribe`. */
  unsubscribe(connection: HeldConnection, topics: readonly string[]): Promise<Subscriptions>;
}
