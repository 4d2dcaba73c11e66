import type { NodeId } from "@devmesh/models";
import { Redis } from "ioredis";
import type { NodeFacts, Presence } from "./presence.ts";
import { redisOptions } from "./redis-options.ts";

const keyOf = (nodeId: NodeId): string => `devmesh:presence:${nodeId}`;

/**
 * Presence in Redis or Valkey: a key a node, `devmesh:presence:<nodeId>`, with a time to live, on a connection of its own.
 * It doesn't wait for Redis: while that is away nothing is said and nothing known. The fan-out beside it logs that.
 */
export function openRedisPresence({ url }: { readonly url: string }): Presence {
  const redis = new Redis(url, redisOptions);
  // Without a listener ioredis writes each failed attempt to the console.
  redis.on("error", () => undefined);

  /** Undefined where Redis is away, or lost on the way. */
  async function ask<T>(command: () => Promise<T>): Promise<T | undefined> {
    if (redis.status !== "ready") return undefined;
    return await command().catch(() => undefined);
  }

  return {
    announce: async (nodeId, facts, holdsMs) => {
      const said = await ask(() => redis.set(keyOf(nodeId), JSON.stringify(facts), "PX", Math.ceil(holdsMs)));
      return said === "OK";
    },
    withdraw: async (nodeId) => void (await ask(() => redis.del(keyOf(nodeId)))),
    find: async (nodeIds) => {
      if (nodeIds.length === 0) return redis.status === "ready" ? new Map() : undefined;
      const values = await ask(() => redis.mget(nodeIds.map(keyOf)));
      return values && new Map(nodeIds.flatMap((nodeId, index) => toEntry(nodeId, values[index])));
    },
    [Symbol.asyncDispose]: () => {
      redis.disconnect();
      return Promise.resolve();
    },
  };
}

/** A value that another version wrote still says that the node lives. */
function toEntry(nodeId: NodeId, value: string | null | undefined): readonly (readonly [NodeId, NodeFacts])[] {
  if (value === null || value === undefined) return [];
  return [[nodeId, parseFacts(value)]];
}

function parseFacts(value: string): NodeFacts {
  try {
    const { startedAt, connections } = JSON.parse(value) as Partial<Record<keyof NodeFacts, unknown>>;
    return {
      startedAt: typeof startedAt === "string" ? startedAt : "",
      connections: typeof connections === "number" ? connections : 0,
    };
  } catch {
    return { startedAt: "", connections: 0 };
  }
}
