import { randomUUID } from "node:crypto";
import { AppError, type NodeId } from "@devmesh/models";
import { Redis } from "ioredis";
import { redisOptions } from "./redis-options.ts";
import { addScript, appendScript, renewScript } from "./session-scripts.ts";
import {
  maxRememberedResources,
  type OpenStream,
  type SessionBounds,
  type SessionRecord,
  type SessionStore,
  type StreamEvent,
} from "./session-store.ts";

export interface RedisSessionsOptions extends SessionBounds {
  /** `redis://` or `rediss://`. */
  readonly url: string;
}

/** How long a text waits to be taken. Judgement: it is on its way between two nodes. */
const stashMs = 60_000;

const keysOf = (id: string): Readonly<Record<"session" | "events" | "streams" | "resources", string>> => ({
  session: `devmesh:mcp:{${id}}:session`,
  events: `devmesh:mcp:{${id}}:events`,
  streams: `devmesh:mcp:{${id}}:streams`,
  resources: `devmesh:mcp:{${id}}:resources`,
});
const tenantKey = (tenantId: string): string => `devmesh:mcp:sessions:${tenantId}`;
const stashKey = (name: string): string => `devmesh:mcp:stash:${name}`;

/**
 * Sessions in Redis or Valkey, on a connection of its own. The keys of one session are `devmesh:mcp:{<id>}:…` and live as
 * long as its idle time: a hash, the events as a stream, the open requests, and the resources subscribed to.
 */
export function openRedisSessions({ url, ...bounds }: RedisSessionsOptions): SessionStore {
  const redis = new Redis(url, redisOptions);
  // Without a listener ioredis writes each failed attempt to the console; the fan-out beside it logs.
  redis.on("error", () => undefined);

  async function renew(record: SessionRecord): Promise<void> {
    const expire = Object.values(keysOf(record.id)).map((key) => redis.pexpire(key, bounds.idleMs));
    await Promise.all([
      ...expire,
      redis.eval(renewScript, 1, tenantKey(record.tenantId), record.id, String(bounds.idleMs)),
    ]);
  }

  return {
    isShared: true,
    create: (record) =>
      ask(async () => {
        const args = [tenantKey(record.tenantId), record.id, String(bounds.idleMs), String(bounds.maxPerTenant)];
        if ((await redis.eval(addScript, 1, ...args)) !== 1) return false;
        const { session } = keysOf(record.id);
        await redis.hset(session, { record: JSON.stringify(record), bytes: 0 });
        await redis.pexpire(session, bounds.idleMs);
        return true;
      }),
    find: (id) =>
      ask(async () => {
        const { session, resources } = keysOf(id);
        const [[json, logLevel], uris] = await Promise.all([
          redis.hmget(session, "record", "logLevel"),
          redis.smembers(resources),
        ]);
        if (typeof json !== "string") return undefined;
        const record: SessionRecord = { ...JSON.parse(json), resources: uris, ...(logLevel && { logLevel }) };
        await renew(record);
        return record;
      }),
    remember: (id, change) =>
      ask(async () => {
        const { session, resources } = keysOf(id);
        if ("logLevel" in change) await redis.hset(session, "logLevel", change.logLevel);
        else if ("unsubscribe" in change) await redis.srem(resources, change.unsubscribe);
        else if ((await redis.scard(resources)) < maxRememberedResources) await redis.sadd(resources, change.subscribe);
        await redis.pexpire("logLevel" in change ? session : resources, bounds.idleMs);
      }),
    remove: (id) =>
      ask(async () => {
        const { session, events, streams, resources } = keysOf(id);
        const [json] = await redis.hmget(session, "record");
        if (typeof json !== "string") return false;
        const { tenantId } = JSON.parse(json) as SessionRecord;
        await redis.zrem(tenantKey(tenantId), id);
        return (await redis.del(session, events, streams, resources)) > 0;
      }),
    ...eventsIn(redis, bounds),
    [Symbol.asyncDispose]: async () => redis.disconnect(),
  };
}

async function ask<T>(command: () => Promise<T>): Promise<T> {
  try {
    return await command();
  } catch (cause) {
    throw new AppError("unavailable", "the store of sessions is away", { reason: "session_store", cause });
  }
}

type EventsPart = Pick<
  SessionStore,
  "openStream" | "findOpen" | "moveStream" | "append" | "read" | "stash" | "unstash"
>;

/** What sessions were told, and what is on its way between nodes. */
function eventsIn(redis: Redis, bounds: SessionBounds): EventsPart {
  return {
    openStream: (id, { stream, nodeId, requestId }) =>
      ask(async () => {
        const { streams } = keysOf(id);
        await redis.hset(streams, stream, JSON.stringify({ nodeId, requestId }));
        await redis.pexpire(streams, bounds.idleMs);
      }),
    findOpen: (id) => ask(async () => Object.entries(await redis.hgetall(keysOf(id).streams)).map(toOpenStream)),
    moveStream: (id, stream, nodeId) =>
      ask(async () => {
        const { session } = keysOf(id);
        // a session that is over must not come back as half a hash
        if ((await redis.exists(session)) === 0) return 0;
        await redis.hset(session, "at", nodeId);
        return Number((await redis.hget(session, `seq:${stream}`)) ?? 0);
      }),
    append: (id, { stream, seq, message, closes, ifAt }) =>
      ask(async () => {
        const { session, events, streams } = keysOf(id);
        const limits = [bounds.maxEvents, bounds.maxEventBytes, bounds.idleMs].map(String);
        const args = [stream, String(seq), message, closes === true ? "1" : "", ifAt ?? "", ...limits];
        return (await redis.eval(appendScript, 3, session, events, streams, ...args)) === 1;
      }),
    read: (id, stream, afterSeq) =>
      ask(async () => {
        const entries = await redis.xrange(keysOf(id).events, "-", "+");
        return entries.map(toStreamEvent(stream)).filter((event) => event !== undefined && event.seq > afterSeq);
      }) as Promise<readonly StreamEvent[]>,
    stash: async (text) => {
      const name = randomUUID();
      const kept = await redis.set(stashKey(name), text, "PX", stashMs).catch(() => undefined);
      return kept === "OK" ? name : undefined;
    },
    unstash: async (name) => (await redis.getdel(stashKey(name)).catch(() => null)) ?? undefined,
  };
}

function toOpenStream([stream, json]: readonly [string, string]): OpenStream {
  const { nodeId, requestId } = JSON.parse(json) as { readonly nodeId: NodeId; readonly requestId: string | number };
  return { stream, nodeId, requestId };
}

/** An entry's fields are `s`, stream, `n`, number, `m`, message; undefined for one of another stream. */
function toStreamEvent(stream: string): (entry: [id: string, fields: string[]]) => StreamEvent | undefined {
  return ([, fields]) => (fields[1] === stream ? { seq: Number(fields[3]), message: fields[5] ?? "" } : undefined);
}
