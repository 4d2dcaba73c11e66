import { type AgentId, addToMailbox, type MailboxSize, type NodeId, type TenantId, utf8Bytes } from "@devmesh/models";
import type { Queryable } from "../database/database.ts";
import { sql, unnest } from "../database/sql.ts";

/** A frame for the mailboxes of some agents. */
export interface Letter {
  readonly tenantId: TenantId;
  readonly type: number;
  /** JSON of an object, without `seq`. */
  readonly payload: string;
  readonly ttlMs?: number | undefined;
  /** Each once. */
  readonly agentIds: readonly AgentId[];
}

/** An agent that has a letter in its mailbox now. */
export interface Receiver {
  readonly tenantId: TenantId;
  readonly agentId: AgentId;
  /** Undefined while it is not connected. */
  readonly nodeId: NodeId | undefined;
  /** It fetches its mail, and is present. */
  readonly isPulling: boolean;
}

/** A larger payload for several agents is written once. Judgement: below, the row of its own costs more than copies. */
const sharedAboveBytes = 1_024;

interface Mailbox extends Receiver, MailboxSize {
  readonly ackedSeq: number;
  readonly countedSeq: number;
  readonly isCountOld: boolean;
  /** It was counted by this transaction. */
  readonly isCounted: boolean;
}

interface Planned {
  /** By letter. */
  readonly receivers: readonly (readonly Receiver[])[];
  readonly frames: readonly PlannedFrame[];
  /** What becomes of the mailboxes that get something. */
  readonly sizes: ReadonlyMap<AgentId, MailboxSize>;
  readonly full: ReadonlySet<AgentId>;
}

interface PlannedFrame {
  readonly letter: number;
  readonly agentId: AgentId;
  /** From 0, among those of its agent. */
  readonly place: number;
}

/**
 * Puts letters into mailboxes, in order, each with the agent's next `seq`, and tells for each letter who has it: a mailbox
 * that is full is passed over. Locks the agents' slots in the order of their ids, so that what is read after that stays.
 * Four statements; two more where a mailbox that seems full has to be counted.
 */
export async function depositLetters(
  tx: Queryable,
  letters: readonly Letter[],
): Promise<readonly (readonly Receiver[])[]> {
  const mailboxes = await openMailboxes(tx, letters);
  if (mailboxes.size === 0) return letters.map(() => []);
  let planned = plan(letters, mailboxes);
  const stale = [...planned.full].flatMap((agentId) => {
    const mailbox = mailboxes.get(agentId);
    return mailbox !== undefined && mayHaveShrunk(mailbox) ? [mailbox] : [];
  });
  if (stale.length > 0) {
    for (const mailbox of await countAnew(tx, stale)) mailboxes.set(mailbox.agentId, mailbox);
    planned = plan(letters, mailboxes);
  }
  await write(tx, { letters, mailboxes, planned });
  return planned.receivers;
}

function mayHaveShrunk({ ackedSeq, countedSeq, isCountOld }: Mailbox): boolean {
  return ackedSeq !== countedSeq || isCountOld;
}

/** Two statements, so that sizes are read after whoever held the slots has committed. */
async function openMailboxes(tx: Queryable, letters: readonly Letter[]): Promise<Map<AgentId, Mailbox>> {
  const tenantsById = new Map(
    letters.flatMap(({ tenantId, agentIds }) => agentIds.map((agentId) => [agentId, tenantId] as const)),
  );
  if (tenantsById.size === 0) return new Map();
  const asked = unnest(["uuid", [...tenantsById.values()]], ["uuid", [...tenantsById.keys()]]);
  const { rows: slots } = await tx.query<SlotRow>(sql`
    select s.tenant_id as "tenantId", s.agent_id as "agentId", s.acked_seq as "ackedSeq", s.node_id as "nodeId",
      coalesce(s.present_until > now(), false) as "isPulling"
    from ${asked} as asked (tenant_id, agent_id)
    join agent_slot s on s.tenant_id = asked.tenant_id and s.agent_id = asked.agent_id
    order by s.agent_id
    for no key update of s`);
  const { rows: sizes } = await tx.query<SizeRow>(sql`
    select z.agent_id as "agentId", z.frames, z.bytes, z.counted_seq as "countedSeq",
      coalesce(z.counted_at < now() - interval '10 seconds', true) as "isCountOld"
    from ${asked} as asked (tenant_id, agent_id)
    join mailbox_size z on z.tenant_id = asked.tenant_id and z.agent_id = asked.agent_id`);
  const sizesById = new Map(sizes.map((size) => [size.agentId, size]));
  return new Map(slots.map((slot) => [slot.agentId, toMailbox(slot, sizesById.get(slot.agentId))]));
}

interface SlotRow {
  readonly tenantId: TenantId;
  readonly agentId: AgentId;
  readonly ackedSeq: number;
  readonly nodeId: NodeId | null;
  readonly isPulling: boolean;
}

interface SizeRow extends MailboxSize {
  readonly agentId: AgentId;
  readonly countedSeq: number;
  readonly isCountOld: boolean;
}

/** What was never written to is empty. */
function toMailbox(slot: SlotRow, size: SizeRow | undefined): Mailbox {
  const empty = { frames: 0, bytes: 0, countedSeq: slot.ackedSeq, isCountOld: false };
  return { ...(size ?? empty), ...slot, isCounted: false, nodeId: slot.nodeId ?? undefined };
}

function plan(letters: readonly Letter[], mailboxes: ReadonlyMap<AgentId, Mailbox>): Planned {
  const sizes = new Map<AgentId, MailboxSize>();
  const places = new Map<AgentId, number>();
  const full = new Set<AgentId>();
  const frames: PlannedFrame[] = [];
  const receivers = letters.map(({ payload, agentIds }, letter) => {
    const bytes = utf8Bytes(payload);
    return agentIds.flatMap((agentId): readonly Receiver[] => {
      const mailbox = mailboxes.get(agentId);
      if (mailbox === undefined) return [];
      const size = addToMailbox(sizes.get(agentId) ?? mailbox, bytes);
      if (size === undefined) {
        full.add(agentId);
        return [];
      }
      const place = places.get(agentId) ?? 0;
      sizes.set(agentId, size);
      places.set(agentId, place + 1);
      frames.push({ letter, agentId, place });
      return [mailbox];
    });
  });
  return { receivers, frames, sizes, full };
}

/** Removes what has expired and counts the rest. Reads all of these mailboxes, which are full. */
async function countAnew(tx: Queryable, stale: readonly Mailbox[]): Promise<readonly Mailbox[]> {
  const asked = unnest(["uuid", stale.map(({ tenantId }) => tenantId)], ["uuid", stale.map(({ agentId }) => agentId)]);
  await tx.query(sql`
    delete from mailbox m
    using ${asked} as asked (tenant_id, agent_id)
    where m.tenant_id = asked.tenant_id and m.agent_id = asked.agent_id and m.expires_at <= now()`);
  const { rows } = await tx.query<MailboxSize & { readonly agentId: AgentId }>(sql`
    select asked.agent_id as "agentId", counted.frames, counted.bytes
    from ${asked} as asked (tenant_id, agent_id)
    cross join lateral (
      select count(m.counted_bytes)::int as frames, coalesce(sum(m.counted_bytes), 0)::bigint as bytes
      from mailbox m
      where m.tenant_id = asked.tenant_id and m.agent_id = asked.agent_id
    ) counted`);
  const countedById = new Map(rows.map((row) => [row.agentId, row]));
  return stale.map((mailbox) => {
    const { frames, bytes } = countedById.get(mailbox.agentId) ?? mailbox;
    return { ...mailbox, frames, bytes, countedSeq: mailbox.ackedSeq, isCounted: true };
  });
}

/** One statement. What was counted is written even where nothing fits still. */
async function write(
  tx: Queryable,
  {
    letters,
    mailboxes,
    planned,
  }: {
    readonly letters: readonly Letter[];
    readonly mailboxes: ReadonlyMap<AgentId, Mailbox>;
    readonly planned: Planned;
  },
): Promise<void> {
  const { frames, sizes } = planned;
  const written = [...mailboxes.values()];
  const sizeOf = (mailbox: Mailbox): MailboxSize => sizes.get(mailbox.agentId) ?? mailbox;
  const counts = Map.groupBy(frames, ({ agentId }) => agentId);
  await tx.query(sql`
    with sent as (
      select b.tenant_id, b.agent_id, b.frames, s.next_seq
      from ${unnest(
        ["uuid", written.map(({ tenantId }) => tenantId)],
        ["uuid", written.map(({ agentId }) => agentId)],
        ["int", written.map(({ agentId }) => counts.get(agentId)?.length ?? 0)],
      )} as b (tenant_id, agent_id, frames)
      join agent_slot s on s.tenant_id = b.tenant_id and s.agent_id = b.agent_id
      where b.frames > 0
    ), moved as (
      update agent_slot s set next_seq = s.next_seq + sent.frames
      from sent
      where s.tenant_id = sent.tenant_id and s.agent_id = sent.agent_id
    ), letter as materialized (
      select tenant_id, type, payload, bytes, ttl_ms, agent_ids, places, case when is_shared then gen_random_uuid() end as body_id
      from ${letterRows(letters, frames)} as l (tenant_id, type, payload, bytes, ttl_ms, agent_ids, places, is_shared)
    ), body as (
      insert into mail_body (tenant_id, id, payload)
      select tenant_id, body_id, payload from letter where body_id is not null
    ), delivered as (
      insert into mailbox (tenant_id, agent_id, seq, type, payload, body_id, counted_bytes, expires_at)
      select s.tenant_id, s.agent_id, s.next_seq + f.place, l.type,
        case when l.body_id is null then l.payload else '{}' end, l.body_id, l.bytes,
        now() + l.ttl_ms * interval '1 millisecond'
      from letter l
      cross join lateral unnest(l.agent_ids::uuid[], l.places::int[]) as f (agent_id, place)
      join agent_slot s on s.agent_id = f.agent_id
    )
    insert into mailbox_size as z (tenant_id, agent_id, frames, bytes, counted_seq, counted_at)
    select tenant_id, agent_id, frames, bytes, counted_seq, case when is_counted then now() end
    from ${unnest(
      ["uuid", written.map(({ tenantId }) => tenantId)],
      ["uuid", written.map(({ agentId }) => agentId)],
      ["int", written.map((mailbox) => sizeOf(mailbox).frames)],
      ["bigint", written.map((mailbox) => sizeOf(mailbox).bytes)],
      ["bigint", written.map(({ countedSeq }) => countedSeq)],
      ["boolean", written.map(({ isCounted }) => isCounted)],
    )} as b (tenant_id, agent_id, frames, bytes, counted_seq, is_counted)
    on conflict (agent_id) do update
    set frames = excluded.frames, bytes = excluded.bytes, counted_seq = excluded.counted_seq,
      counted_at = coalesce(excluded.counted_at, z.counted_at)`);
}

/** Each letter once, however many get it. */
function letterRows(letters: readonly Letter[], frames: readonly PlannedFrame[]): ReturnType<typeof unnest> {
  const framesByLetter = Map.groupBy(frames, ({ letter }) => letter);
  const rows = letters.map((letter, index) => ({ ...letter, frames: framesByLetter.get(index) ?? [] }));
  const isShared = (payload: string, receivers: number): boolean =>
    receivers > 1 && utf8Bytes(payload) > sharedAboveBytes;
  return unnest(
    ["uuid", rows.map(({ tenantId }) => tenantId)],
    ["int", rows.map(({ type }) => type)],
    ["json", rows.map(({ payload }) => payload)],
    ["int", rows.map(({ payload }) => utf8Bytes(payload))],
    ["bigint", rows.map(({ ttlMs }) => ttlMs)],
    ["text", rows.map((row) => `{${row.frames.map(({ agentId }) => agentId).join(",")}}`)],
    ["text", rows.map((row) => `{${row.frames.map(({ place }) => place).join(",")}}`)],
    ["boolean", rows.map((row) => isShared(row.payload, row.frames.length))],
  );
}
