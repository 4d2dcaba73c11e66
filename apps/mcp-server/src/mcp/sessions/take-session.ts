import { randomUUID } from "node:crypto";
import type { SessionRecord, SessionStore } from "@devmesh/adapters";
import type { Principal } from "@devmesh/auth";
import { AppError, isUuid, utf8Bytes } from "@devmesh/models";
import type { Logger } from "@devmesh/observability";
import type { JSONRPCRequest } from "@modelcontextprotocol/server";
import type { Exchange } from "../exchange.ts";
import { type LiveSession, type LiveSessionDeps, openLiveSession, reviveSession } from "./live-session.ts";
import { type Pooled, type SessionPool, tooManySessions } from "./session-pool.ts";

/** Begins sessions, and takes up those that began elsewhere. */
export interface SessionTaker {
  begin(initialize: JSONRPCRequest, exchange: Exchange): Promise<Response>;
  /** @throws AppError `not_found`, reason `session` */
  take(id: string, exchange: Exchange): Promise<LiveSession>;
}

export interface SessionTakerDeps extends StoreDeps {
  readonly live: LiveSessionDeps;
  readonly pool: SessionPool;
  readonly onRevived: () => void;
}

interface StoreDeps {
  readonly store: SessionStore;
  readonly now: () => number;
  readonly logger: Logger;
}

/** Between two looks whether a session of this node is still one, at most. Judgement. */
export const checkMs = 30_000;

export function createSessionTaker(deps: SessionTakerDeps): SessionTaker {
  const { store, now, live, pool } = deps;
  const arriving = new Map<string, Promise<Pooled>>();

  async function begin(message: JSONRPCRequest, exchange: Exchange): Promise<Response> {
    const record = newRecord(message, exchange.principal);
    const isKept = await keepRecord(deps, record);
    const session = await openLiveSession(live, record, exchange);
    try {
      await pool.add({ session, isKept, usedAt: now(), checkedAt: now() });
    } catch (error) {
      await store.remove(record.id).catch(() => false);
      throw error;
    }
    return session.request(message, exchange);
  }

  async function revive(id: string, exchange: Exchange): Promise<Pooled> {
    // ours are UUIDs: what is none is not looked for
    const record = isUuid(id) ? await store.find(id) : undefined;
    if (record === undefined || record.principalId !== exchange.principal.id) throw noSession();
    const session = await reviveSession(live, record, exchange);
    const pooled = { session, isKept: true, usedAt: now(), checkedAt: now() };
    await pool.add(pooled);
    deps.onRevived();
    return pooled;
  }

  /** Requests that come together have it revived once. */
  function reviveOnce(id: string, exchange: Exchange): Promise<Pooled> {
    // by principal, too: what a stranger is refused is no answer for who it belongs to
    const name = `${id}/${exchange.principal.id}`;
    return arriving.get(name) ?? addTo(arriving, name, revive(id, exchange));
  }

  async function take(id: string, exchange: Exchange): Promise<LiveSession> {
    const here = pool.get(id);
    if (here !== undefined && here.session.record.principalId !== exchange.principal.id) throw noSession();
    const isOutdated =
      here !== undefined && !here.session.isBusy && !sameScopes(here.session.principal, exchange.principal);
    if (isOutdated || (here !== undefined && !(await isStillKept(deps, here)))) await pool.drop(id);
    const pooled = pool.get(id) ?? (await reviveOnce(id, exchange));
    pool.use(pooled);
    return pooled.session;
  }

  return { begin, take };
}

/** Of what a client says at the beginning: it is kept as long as the session. Judgement: room for an icon. */
const maxOpeningBytes = 65_536;

/** @throws AppError `invalid_argument`, reason `invalid_params`. */
function newRecord(message: JSONRPCRequest, { tenantId, id: principalId }: Principal): SessionRecord {
  const bytes = utf8Bytes(JSON.stringify(message.params ?? {}));
  if (bytes > maxOpeningBytes) {
    const what = `params of initialize of ${bytes} bytes exceed the limit of ${maxOpeningBytes}`;
    throw new AppError("invalid_argument", what, { reason: "invalid_params" });
  }
  return { id: randomUUID(), tenantId, principalId, initialize: message.params ?? {}, resources: [] };
}

/** False where the store is away: the session begins all the same, on this node alone. */
async function keepRecord({ store, logger }: StoreDeps, record: SessionRecord): Promise<boolean> {
  const isRoom = await store.create(record).catch((err: unknown) => {
    logger.warn({ err }, "a session is on this node alone");
    return undefined;
  });
  if (isRoom === false) throw tooManySessions("sessions of the tenant exceed the limit: end one by DELETE");
  return isRoom === true;
}

/** Whether a session of this node still is one, as far as is known; now and then the store is asked. */
export async function isStillKept({ store, now, logger }: StoreDeps, pooled: Pooled): Promise<boolean> {
  if (now() - pooled.checkedAt < checkMs) return true;
  pooled.checkedAt = now();
  try {
    const { record } = pooled.session;
    if ((await store.find(record.id)) !== undefined) return true;
    if (pooled.isKept) return false;
    pooled.isKept = await store.create(record);
    return true;
  } catch (err) {
    logger.debug({ err }, "a session was not looked up");
    return true;
  }
}

function addTo<T>(running: Map<string, Promise<T>>, id: string, work: Promise<T>): Promise<T> {
  running.set(id, work);
  const leave = (): void => void running.delete(id);
  work.then(leave, leave);
  return work;
}

function sameScopes(one: Principal, other: Principal): boolean {
  return one.scopes.join() === other.scopes.join();
}

function noSession(): AppError {
  return new AppError("not_found", "no such session: initialize again", { reason: "session" });
}
