import { createHash } from "node:crypto";
import { type AgentId, eventTopics, headsOfTopic, type TenantId } from "@devmesh/models";
import type { Database, Queryable } from "./database/database.ts";
import { type Sql, sql, unnest } from "./database/sql.ts";
import { depositLetters, type Receiver } from "./mailbox-writes.ts";

/** Something that happened in a tenant. */
export interface MeshEvent {
  /** Made of what it is about, its place and its time, so that it is the same wherever it is read. */
  readonly id: string;
  readonly type: string;
  readonly at: string;
  /** The id of the task or the agent. */
  readonly subject: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** An event with its place among all of its tenant. */
export interface PlacedEvent {
  readonly position: number;
  readonly event: MeshEvent;
}

/** What was put into mailboxes, and for whom. */
export interface FannedOut {
  readonly events: number;
  readonly receivers: readonly Receiver[];
}

/** Events of tasks and agents, in the order of their positions. */
export interface EventRepository {
  /** Those that have a position above `after`, without gaps. */
  read(tenantId: TenantId, after: number, limit: number): Promise<readonly PlacedEvent[]>;
  /**
   * Puts the next events, at most `limit` of one tenant and 20,000 frames, into the mailboxes of its durable subscribers,
   * and moves the tenant's cursor in the same transaction: each comes once. Tenants take turns. A mailbox that is full is
   * passed over. Undefined when no tenant has any. Works as the engine; two at once wait for each other.
   */
  fanOut(limit: number): Promise<FannedOut | undefined>;
}

/** EVENT in the wire protocol. */
const eventType = 0x0307;

/** Frames of one transaction: events, each for all of its subscribers. Judgement: half a second of writing. */
const maxFrames = 20_000;

export function eventRepository(database: Database): EventRepository {
  // the tenant whose turn it was
  let latest: TenantId | undefined;
  return {
    read: async (tenantId, after, limit) => {
      const scope = { role: "devmesh_app", tenants: [tenantId], plans: "by_index" } as const;
      return (await database.queryAs<EventRow>(scope, readEvents(tenantId, after, limit))).rows.map(toPlaced);
    },
    fanOut: async (limit) => {
      if (!(await isBehind(database))) return undefined;
      return database.transaction({ role: "devmesh_engine", plans: "by_index" }, async (tx) => {
        const next = await findBehind(tx, latest);
        latest = next?.tenantId ?? latest;
        return next && fanOut(tx, next, limit);
      });
    },
  };
}

interface EventRow {
  readonly position: number;
  readonly subject: string;
  readonly number: number;
  readonly type: string;
  readonly at: Date;
  readonly data: Readonly<Record<string, unknown>>;
}

/** A merge of two index scans, `task_event_position` and `agent_event_position`, each stopped at `limit`. */
function readEvents(tenantId: TenantId, after: number, limit: number): Sql {
  return sql`
    (select position, task_id as subject, seq::bigint as number, type, at, data
      from task_event
      where tenant_id = ${tenantId} and position > ${after}
      order by position
      limit ${limit})
    union all
    (select position, agent_id, recorded, type, at, data
      from agent_event
      where tenant_id = ${tenantId} and position > ${after}
      order by position
      limit ${limit})
    order by position
    limit ${limit}`;
}

function toPlaced({ position, subject, number, type, at, data }: EventRow): PlacedEvent {
  return { position, event: { id: toEventId(subject, number, at), type, at: at.toISOString(), subject, data } };
}

/** A UUIDv7 whose random part is a hash: events have no id of their own in the ledger. */
function toEventId(subject: string, number: number, at: Date): string {
  const bytes = createHash("sha256").update(`${subject} ${number}`).digest().subarray(0, 16);
  bytes.writeUIntBE(at.getTime(), 0, 6);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x70, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  const hex = bytes.toString("hex");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

/** One statement and no transaction round it: most of the time there is nothing to do. Reads a row a tenant. */
async function isBehind(database: Queryable): Promise<boolean> {
  const { rows } = await database.query<{ isBehind: boolean }>(sql`
    select exists (
      select from event_fan_out f join event_cursor c on c.tenant_id = f.tenant_id where c.position > f.position
    ) as "isBehind"`);
  return rows[0]?.isBehind === true;
}

/** A tenant whose events are not all in the mailboxes of its durable subscribers. */
interface Behind {
  readonly tenantId: TenantId;
  readonly position: number;
  /** Where its events end. */
  readonly end: number;
}

/** Tenants take turns: the next after `latest` in the order of ids. */
async function findBehind(tx: Queryable, latest: TenantId | undefined): Promise<Behind | undefined> {
  const { rows } = await tx.query<Behind>(sql`
    select f.tenant_id as "tenantId", f.position, c.position as "end"
    from event_fan_out f
    join event_cursor c on c.tenant_id = f.tenant_id
    where c.position > f.position
    order by coalesce(f.tenant_id <= ${latest}::uuid, false), f.tenant_id
    limit 1
    for update of f`);
  return rows[0];
}

async function fanOut(tx: Queryable, { tenantId, position, end }: Behind, limit: number): Promise<FannedOut> {
  const topics = await findDurableTopics(tx, tenantId);
  if (topics.length === 0) {
    await tx.query(sql`delete from event_fan_out where tenant_id = ${tenantId}`);
    return { events: 0, receivers: [] };
  }
  const { rows } = await tx.query<EventRow>(readEvents(tenantId, position, limit));
  const read = rows.map(toPlaced);
  const subscribers = await findSubscribers(tx, tenantId, [...new Set(read.map(({ event }) => event.type))]);
  const events = takeFitting(read, subscribers);
  const receivers = await deposit(tx, { tenantId, events, subscribers });
  // where nothing was read, what was there has been pruned
  const last = events.at(-1)?.position ?? end;
  await tx.query(sql`update event_fan_out set position = ${last} where tenant_id = ${tenantId}`);
  return { events: events.length, receivers };
}

async function findDurableTopics(tx: Queryable, tenantId: TenantId): Promise<readonly unknown[]> {
  const { rows } = await tx.query(sql`
    select from subscription
    where tenant_id = ${tenantId} and connection_id is null
      and (head = '' or split_part(head, '.', 1) = any (${[...eventTopics]}::text[]))
    limit 1`);
  return rows;
}

/** Durable ones, by the type of the event. */
type Subscribers = ReadonlyMap<string, readonly AgentId[]>;

/** The first events, as many as make no more than {@link maxFrames}, but one in any case. */
function takeFitting(events: readonly PlacedEvent[], subscribers: Subscribers): readonly PlacedEvent[] {
  let frames = 0;
  const end = events.findIndex(({ event }, index) => {
    frames += subscribers.get(event.type)?.length ?? 0;
    return index > 0 && frames > maxFrames;
  });
  return end < 0 ? events : events.slice(0, end);
}

interface Depositing {
  readonly tenantId: TenantId;
  readonly events: readonly PlacedEvent[];
  readonly subscribers: Subscribers;
}

async function deposit(tx: Queryable, { tenantId, events, subscribers }: Depositing): Promise<readonly Receiver[]> {
  const letters = events.flatMap(({ event }) => {
    const agentIds = subscribers.get(event.type) ?? [];
    if (agentIds.length === 0) return [];
    return [{ tenantId, type: eventType, payload: JSON.stringify({ topic: event.type, event }), agentIds }];
  });
  const receivers = (await depositLetters(tx, letters)).flat();
  return [...new Map(receivers.map((receiver) => [receiver.agentId, receiver])).values()];
}

/** By the heads that a pattern which takes the type can have. */
async function findSubscribers(tx: Queryable, tenantId: TenantId, types: readonly string[]): Promise<Subscribers> {
  const asked = types.flatMap((type) => headsOfTopic(type).map((head) => ({ type, head })));
  const { rows } = await tx.query<{ type: string; agentId: AgentId }>(sql`
    select distinct asked.type, b.agent_id as "agentId"
    from ${unnest(
      ["text", asked.map(({ type }) => type)],
      ["text", asked.map(({ head }) => head)],
    )} as asked (type, head)
    join subscription b on b.tenant_id = ${tenantId} and b.head = asked.head
    where b.connection_id is null and topic_matches(b.topic, asked.type)`);
  const byType = Map.groupBy(rows, ({ type }) => type);
  return new Map([...byType].map(([type, found]) => [type, found.map(({ agentId }) => agentId)]));
}
