import { type AgentId, AppError } from "@devmesh/models";
import type { Database, Queryable, Transaction } from "../database/database.ts";
import { sql, unnest } from "../database/sql.ts";
import { frameTypes } from "./frame-types.ts";
import { depositLetters, type Receiver } from "./mailbox-writes.ts";
import { type Addressed, findRecipients } from "./message-recipients.ts";

/** A message as its sender gave it. */
export interface OutgoingMessage extends Addressed {
  readonly senderName: string;
  readonly messageId: string;
  /** Whether the sender chose the id, and may send the message again under it. */
  readonly isRepeatable: boolean;
  readonly kind: string;
  /** JSON. */
  readonly content: string;
  readonly correlationId?: string | undefined;
  readonly ttlMs?: number | undefined;
}

/** What became of a message. */
export type SendOutcome =
  | {
      readonly kind: "sent";
      /** Agents that have it in their mailbox, and how many of them were offline. */
      readonly accepted: number;
      readonly queued: number;
      /** Whom to tell; nobody when it had been sent before. */
      readonly receivers: readonly Receiver[];
    }
  /** `to` names no agent. */
  | { readonly kind: "unknown" }
  /** The mailbox of the one that `to` names is full. */
  | { readonly kind: "full" };

/** Messages between agents in Postgres: the shape that `@devmesh/agents` asks of a store, where its contract is told. */
export interface MessageRepository {
  send(messages: readonly OutgoingMessage[]): Promise<readonly SendOutcome[]>;
}

export function messageRepository(database: Database): MessageRepository {
  return {
    send: (messages) => {
      const tenants = [...new Set(messages.map(({ tenantId }) => tenantId))];
      const scope = { role: "devmesh_app", tenants, plans: "by_index", begins: "with_first_statement" } as const;
      return database.transaction(scope, (tx) => send(tx, messages));
    },
  };
}

/** In order: ids are claimed, receivers found, mailboxes written, and what became of it is noted. */
async function send(tx: Transaction, messages: readonly OutgoingMessage[]): Promise<readonly SendOutcome[]> {
  const known = await claimIds(tx, messages);
  const fresh = messages.filter((message) => known.get(message) === undefined);
  const recipients = await findRecipients(tx, fresh);
  const receivers = await depositLetters(
    tx,
    fresh.map((message, index) => ({
      tenantId: message.tenantId,
      type: frameTypes.MESSAGE,
      payload: toPayload(message, tx.now),
      ttlMs: message.ttlMs,
      agentIds: recipients[index] ?? [],
    })),
  );
  const outcomes = new Map(
    fresh.map((message, index) => [message, toOutcome(message, recipients[index], receivers[index] ?? [])] as const),
  );
  await noteOutcomes(tx, outcomes);
  return messages.map((message) => outcomes.get(message) ?? repeat(known, outcomes, message));
}

function toOutcome(
  { target }: OutgoingMessage,
  recipients: readonly AgentId[] | undefined,
  receivers: readonly Receiver[],
): SendOutcome {
  if (recipients === undefined) return { kind: "unknown" };
  if ("to" in target && receivers.length < recipients.length) return { kind: "full" };
  const queued = receivers.filter(({ nodeId, isPulling }) => nodeId === undefined && !isPulling).length;
  return { kind: "sent", accepted: receivers.length, queued, receivers };
}

/** What is known of messages that were sent before: how it went then, or the message of this same call. */
type Known = ReadonlyMap<OutgoingMessage, SendOutcome | OutgoingMessage>;

function repeat(
  known: Known,
  outcomes: ReadonlyMap<OutgoingMessage, SendOutcome>,
  message: OutgoingMessage,
): SendOutcome {
  const earlier = outcomes.get(message) ?? known.get(message);
  if (earlier === undefined) return { kind: "unknown" };
  // the one of this call that it repeats may itself have been sent before
  if ("senderId" in earlier) return repeat(known, outcomes, earlier);
  return earlier.kind === "sent" ? { ...earlier, receivers: [] } : earlier;
}

/** Two statements at most. Who sends the same elsewhere at the same time is waited for. By the primary key. */
async function claimIds(tx: Queryable, messages: readonly OutgoingMessage[]): Promise<Known> {
  const known = new Map<OutgoingMessage, SendOutcome | OutgoingMessage>();
  const first = new Map<string, OutgoingMessage>();
  for (const message of messages.filter(({ isRepeatable }) => isRepeatable)) {
    const same = first.get(idOf(message));
    if (same === undefined) first.set(idOf(message), message);
    else known.set(message, same);
  }
  if (first.size === 0) return known;
  // in one order, so that two who claim the same ids do not wait for each other
  const claimed = [...first].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, message]) => message);
  const { rows } = await tx.query<SentRow>(sql`
    insert into sent_message (tenant_id, sender_id, message_id)
    select tenant_id, sender_id, message_id
    from ${idRows(claimed)} as m (tenant_id, sender_id, message_id)
    on conflict (sender_id, message_id) do nothing
    returning sender_id as "senderId", message_id as "messageId"`);
  const won = new Set(rows.map(idOf));
  const lost = claimed.filter((message) => !won.has(idOf(message)));
  if (lost.length === 0) return known;
  for (const { accepted, queued, ...id } of await findSent(tx, lost)) {
    const message = first.get(idOf(id));
    if (message !== undefined) known.set(message, { kind: "sent", accepted, queued, receivers: [] });
  }
  // one that was being sent and failed: its sender may try again
  if (lost.some((message) => !known.has(message))) throw lostClaim();
  return known;
}

function lostClaim(): AppError {
  return new AppError("conflict", "the same message was being sent elsewhere", { reason: "serialization" });
}

interface SentRow {
  readonly senderId: AgentId;
  readonly messageId: string;
}

async function findSent(
  tx: Queryable,
  messages: readonly OutgoingMessage[],
): Promise<readonly (SentRow & { readonly accepted: number; readonly queued: number })[]> {
  const { rows } = await tx.query<SentRow & { accepted: number; queued: number }>(sql`
    select s.sender_id as "senderId", s.message_id as "messageId", s.accepted, s.queued
    from ${idRows(messages)} as m (tenant_id, sender_id, message_id)
    join sent_message s on s.tenant_id = m.tenant_id and s.sender_id = m.sender_id and s.message_id = m.message_id`);
  return rows;
}

/** What was not sent is forgotten, so that it may be tried again. */
async function noteOutcomes(tx: Queryable, outcomes: ReadonlyMap<OutgoingMessage, SendOutcome>): Promise<void> {
  const noted = [...outcomes].filter(([{ isRepeatable }]) => isRepeatable);
  const sent = noted.flatMap(([message, outcome]) => (outcome.kind === "sent" ? [{ message, ...outcome }] : []));
  const failed = noted.flatMap(([message, outcome]) => (outcome.kind === "sent" ? [] : [message]));
  if (sent.length > 0) {
    await tx.query(sql`
      update sent_message s set accepted = m.accepted, queued = m.queued
      from ${unnest(
        ["uuid", sent.map(({ message }) => message.tenantId)],
        ["uuid", sent.map(({ message }) => message.senderId)],
        ["uuid", sent.map(({ message }) => message.messageId)],
        ["int", sent.map(({ accepted }) => accepted)],
        ["int", sent.map(({ queued }) => queued)],
      )} as m (tenant_id, sender_id, message_id, accepted, queued)
      where s.tenant_id = m.tenant_id and s.sender_id = m.sender_id and s.message_id = m.message_id`);
  }
  if (failed.length > 0) {
    await tx.query(sql`
      delete from sent_message s
      using ${idRows(failed)} as m (tenant_id, sender_id, message_id)
      where s.tenant_id = m.tenant_id and s.sender_id = m.sender_id and s.message_id = m.message_id`);
  }
}

function idOf({ senderId, messageId }: SentRow): string {
  return `${senderId} ${messageId}`;
}

function idRows(messages: readonly OutgoingMessage[]): ReturnType<typeof unnest> {
  return unnest(
    ["uuid", messages.map(({ tenantId }) => tenantId)],
    ["uuid", messages.map(({ senderId }) => senderId)],
    ["uuid", messages.map(({ messageId }) => messageId)],
  );
}

/** MESSAGE but for its `seq`; `content` goes in as it came. */
function toPayload(message: OutgoingMessage, now: Date): string {
  const { messageId, senderId, senderName, target, kind, correlationId } = message;
  const envelope = JSON.stringify({
    messageId,
    from: { id: senderId, name: senderName },
    ...("to" in target && { to: target.to }),
    ...("topic" in target && { topic: target.topic }),
    kind,
    ...(correlationId !== undefined && { correlationId }),
    sentAt: now.toISOString(),
  });
  return `${envelope.slice(0, -1)},"content":${message.content}}`;
}
