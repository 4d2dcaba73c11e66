import { AppError } from "@devmesh/models";
import type { LiveSession } from "./live-session.ts";

/** A session of this node, and when it was used and looked up last, by the node's clock. */
export interface Pooled {
  readonly session: LiveSession;
  /** False where the store was away when it began: it is nowhere but here. */
  isKept: boolean;
  usedAt: number;
  checkedAt: number;
}

/** The sessions that have a server on this node, in the order of their use. */
export interface SessionPool {
  readonly size: number;
  get(id: string): Pooled | undefined;
  /**
   * Closes the session where there is no room.
   *
   * @throws AppError `resource_exhausted`, reason `too_many_sessions`, where all of them are busy.
   */
  add(pooled: Pooled): Promise<void>;
  use(pooled: Pooled): void;
  drop(id: string): Promise<void>;
  all(): readonly Pooled[];
}

export interface SessionPoolOptions {
  readonly max: number;
  readonly now: () => number;
}

/** Until one that found no room tries again. Judgement. */
const retryAfterMs = 5_000;

export function createSessionPool({ max, now }: SessionPoolOptions): SessionPool {
  const pool = new Map<string, Pooled>();

  async function drop(id: string): Promise<void> {
    const pooled = pool.get(id);
    pool.delete(id);
    await pooled?.session[Symbol.asyncDispose]();
  }

  /** The one unused for longest goes: its next request builds its server anew. */
  async function makeRoom(): Promise<void> {
    if (pool.size < max) return;
    for (const [id, { session, isKept }] of pool) {
      if (isKept && !session.isBusy) return drop(id);
    }
    throw tooManySessions(`sessions of this node exceed the limit of ${max}, and none is idle`);
  }

  return {
    get size() {
      return pool.size;
    },
    get: (id) => pool.get(id),
    async add(pooled) {
      try {
        await makeRoom();
      } catch (error) {
        await pooled.session[Symbol.asyncDispose]();
        throw error;
      }
      pool.set(pooled.session.record.id, pooled);
    },
    use(pooled) {
      const { id } = pooled.session.record;
      pooled.usedAt = now();
      if (pool.delete(id)) pool.set(id, pooled);
    },
    drop,
    all: () => [...pool.values()],
  };
}

/** The refusal of one more session. */
export function tooManySessions(message: string): AppError {
  return new AppError("resource_exhausted", message, { reason: "too_many_sessions", retryAfterMs });
}
