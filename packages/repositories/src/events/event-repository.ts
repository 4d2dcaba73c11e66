import { createHash } from "node:crypto";
import { type AgentId, type EventCursor, eventTopics, headsOfTopic, type TenantId } from "@devmesh/models";
import type { Database, Queryable } from "../database/database.ts";
import { type Sql, sql, unnest } from "../database/sql.ts";
import { frameTypes } from "../messages/frame-types.ts";
import { depositLetters, type Receiver } from "../messages/mailbox-writes.ts";
import { eventHorizon } from "./event-order.ts";

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

/** An event with its place among all others. */
export interface PlacedEvent {
  readonly cursor: EventCursor;
  readonly event: MeshEvent;
}

/** What was put into mailboxes, and for whom. */
export interface FannedOut {
  readonly events: number;
  readonly receivers: readonly Receiver[];
}

/** Events of tasks and agents, in the order of their cursors. */
export interface EventRepository {
  /**
   * The next behind `after`. None can come before one that was read: an event is not read while a transaction is open
   * that began to write before the event's own.
   */
  read(tenantId: TenantId, after: EventCursor, limit: number): Promise<readonly PlacedEvent[]>;
  /**
   * Puts the next events, at most `limit` of one tenant and 20,000 frames, into the mailboxes of its durable subscribers,
   * and moves the tenant's cursor in the same transaction: each comes once. Tenants take turns. A mailbox that is full is
   * passed over. Undefined when no tenant has any. Works as the engine; two at once wait for each other.
   */
  fanOut(limit: number): Promise<FannedOut | undefined>;
}

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
  readonly xid: number;
  readonly recorded: number;
  readonly subject: string;
  readonly number: number;
  readonly type: string;
  readonly at: Date;
  readonly data: Readonly<Record<string, unknown>>;
}

/**
 * A merge of two index scans, `task_event_order` and `agent_event_order`, each stopped at `limit`. `given` is the last
 * position that a fan-out of the version before has given: what has none, or a later one, is read.
 */
function readEvents(tenantId: TenantId, after: EventCursor, limit: number, given?: number): Sql {
  const isNext = sql`e.tenant_id = ${tenantId} and e.xid > '0'
        and (e.xid, e.recorded) > (${after.xid}::xid8, ${after.recorded}::bigint) and e.xid < ${eventHorizon}
        ${given === undefined ? sql`` : sql`and (e.position is null or e.position > ${given})`}`;
  return sql`
    (select e.xid::text::bigint as xid, e.recorded, e.task_id as subject, e.seq::bigint as number, e.type, e.at, e.data
      from task_event e
      where ${isNext}
      order by e.xid, e.recorded
      limit ${limit})
    union all
    (select e.xid::text::bigint, e.recorded, e.agent_id, e.recorded, e.type, e.at, e.data
      from agent_event e
      where ${isNext}
      order by e.xid, e.recorded
      limit ${limit})
    order by xid, recorded
    limit ${limit}`;
}

function toPlaced({ xid, recorded, subject, number, type, at, data }: EventRow): PlacedEvent {
  return {
    cursor: { xid, recorded },
    event: { id: toEventId(subject, number, at), type, at: at.toISOString(), subject, data },
  };
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

/** One statement and no transaction round it: most of the time there is nothing to do. */
async function isBehind(database: Queryable): Promise<boolean> {
  const { rows } = await database.query<{ isBehind: boolean }>(sql`
    select exists (select from event_fan_out f where ${hasNext}) as "isBehind"`);
  return rows[0]?.isBehind === true;
}

/**
 * Whether the tenant of `f` has events that durable subscribers have not got: an index look-up in each of the two tables, to
 * which the order keeps the planner.
 */
const hasNext = sql`(
      exists (
        select from (
          select e.xid
          from task_event e
          where e.tenant_id = f.tenant_id and e.xid > '0' and (e.xid, e.recorded) > (f.xid, f.recorded)
            and e.xid < ${eventHorizon} and (e.position is null or e.position > f.position)
          order by e.xid, e.recorded
          limit 1
        ) next
      ) or exists (
        select from (
          select e.xid
          from agent_event e
          where e.tenant_id = f.tenant_id and e.xid > '0' and (e.xid, e.recorded) > (f.xid, f.recorded)
            and e.xid < ${eventHorizon} and (e.position is null or e.position > f.position)
          order by e.xid, e.recorded
          limit 1
        ) next
      )
    )`;

/** A tenant whose events are not all in the mailboxes of its durable subscribers. */
interface Behind extends EventCursor {
  readonly tenantId: TenantId;
  readonly position: number;
}

/** Tenants take turns: the next after `latest` in the order of ids. */
async function findBehind(tx: Queryable, latest: TenantId | undefined): Promise<Behind | undefined> {
  const { rows } = await tx.query<Behind>(sql`
    select f.tenant_id as "tenantId", f.xid::text::bigint as xid, f.recorded, f.position
    from event_fan_out f
    where ${hasNext}
    order by coalesce(f.tenant_id <= ${latest}::uuid, false), f.tenant_id
    limit 1
    for update of f`);
  return rows[0];
}

async function fanOut(tx: Queryable, behind: Behind, limit: number): Promise<FannedOut> {
  const { tenantId, position } = behind;
  const topics = await findDurableTopics(tx, tenantId);
  if (topics.length === 0) {
    await tx.query(sql`delete from event_fan_out where tenant_id = ${tenantId}`);
    return { events: 0, receivers: [] };
  }
  const { rows } = await tx.query<EventRow>(readEvents(tenantId, behind, limit, position));
  const read = rows.map(toPlaced);
  const subscribers = await findSubscribers(tx, tenantId, [...new Set(read.map(({ event }) => event.type))]);
  const events = takeFitting(read, subscribers);
  const receivers = await deposit(tx, { tenantId, events, subscribers });
  const last = events.at(-1)?.cursor ?? behind;
  await tx.query(sql`
    update event_fan_out
    set xid = ${last.xid}::xid8, recorded = ${last.recorded}
    where tenant_id = ${tenantId}`);
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
    return [{ tenantId, type: frameTypes.EVENT, payload: JSON.stringify({ topic: event.type, event }), agentIds }];
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
