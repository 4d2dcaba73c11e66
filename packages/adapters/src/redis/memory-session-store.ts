import { randomUUID } from "node:crypto";
import type { NodeId, TenantId } from "@devmesh/models";
import {
  maxRememberedResources,
  type NewStreamEvent,
  type OpenStream,
  type SessionBounds,
  type SessionChange,
  type SessionRecord,
  type SessionStore,
} from "./session-store.ts";

export interface MemorySessionsOptions extends SessionBounds {
  /** Of all tenants; past it, the session that is idle for longest is over. */
  readonly max: number;
  /** Milliseconds, rising. */
  readonly now: () => number;
}

interface Kept {
  record: SessionRecord;
  expiresAt: number;
  at?: NodeId;
  readonly lastSeqs: Map<string, number>;
  readonly open: Map<string, OpenStream>;
  events: NewStreamEvent[];
  bytes: number;
}

/** Of texts that wait to be taken; past it the oldest goes. Judgement: each is on its way between two nodes. */
const maxStashed = 1_000;

/** Sessions of the nodes of one process. */
export function memorySessions({ now, max, ...bounds }: MemorySessionsOptions): SessionStore {
  // in the order of their last use: the first is idle for longest
  const sessions = new Map<string, Kept>();
  const stashed = new Map<string, string>();

  function dropIdle(): void {
    for (const [id, { expiresAt }] of sessions) {
      if (expiresAt > now()) return;
      sessions.delete(id);
    }
  }

  function countOf(tenantId: TenantId): number {
    return [...sessions.values()].filter(({ record }) => record.tenantId === tenantId).length;
  }

  return {
    isShared: false,
    create: async (record) => {
      dropIdle();
      if (countOf(record.tenantId) >= bounds.maxPerTenant) return false;
      if (sessions.size >= max) sessions.delete(sessions.keys().next().value ?? "");
      const kept = { record, expiresAt: now() + bounds.idleMs, lastSeqs: new Map(), open: new Map() };
      sessions.set(record.id, { ...kept, events: [], bytes: 0 });
      return true;
    },
    find: async (id) => {
      dropIdle();
      const kept = sessions.get(id);
      if (kept === undefined) return undefined;
      kept.expiresAt = now() + bounds.idleMs;
      sessions.delete(id);
      sessions.set(id, kept);
      return kept.record;
    },
    remember: async (id, change) => {
      const kept = sessions.get(id);
      if (kept !== undefined) kept.record = changed(kept.record, change);
    },
    remove: async (id) => sessions.delete(id),
    openStream: async (id, open) => void sessions.get(id)?.open.set(open.stream, open),
    findOpen: async (id) => [...(sessions.get(id)?.open.values() ?? [])],
    moveStream: async (id, stream, nodeId) => {
      const kept = sessions.get(id);
      if (kept !== undefined) kept.at = nodeId;
      return kept?.lastSeqs.get(stream) ?? 0;
    },
    append: async (id, event) => {
      const kept = sessions.get(id);
      if (kept === undefined || (event.ifAt !== undefined && event.ifAt !== kept.at)) return false;
      keep(kept, event, bounds);
      return true;
    },
    read: async (id, stream, afterSeq) =>
      sessions.get(id)?.events.filter((event) => event.stream === stream && event.seq > afterSeq) ?? [],
    stash: async (text) => {
      const name = randomUUID();
      stashed.set(name, text);
      if (stashed.size > maxStashed) stashed.delete(stashed.keys().next().value ?? "");
      return name;
    },
    unstash: async (name) => {
      const text = stashed.get(name);
      stashed.delete(name);
      return text;
    },
    [Symbol.asyncDispose]: async () => sessions.clear(),
  };
}

function keep(kept: Kept, event: NewStreamEvent, { maxEvents, maxEventBytes }: SessionBounds): void {
  if (event.closes === true) kept.open.delete(event.stream);
  if (event.ifAt !== undefined) kept.lastSeqs.set(event.stream, event.seq);
  kept.events.push(event);
  kept.bytes += event.message.length;
  while (kept.events.length > maxEvents || kept.bytes > maxEventBytes) {
    kept.bytes -= kept.events.shift()?.message.length ?? 0;
  }
}

function changed(record: SessionRecord, change: SessionChange): SessionRecord {
  if ("logLevel" in change) return { ...record, logLevel: change.logLevel };
  const uri = "subscribe" in change ? change.subscribe : change.unsubscribe;
  const others = record.resources.filter((one) => one !== uri);
  const isRoom = "subscribe" in change && others.length < maxRememberedResources;
  return { ...record, resources: isRoom ? [...others, uri] : others };
}
