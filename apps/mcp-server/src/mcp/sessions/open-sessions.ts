import type { FanOut, Presence } from "@devmesh/adapters";
import { AppError } from "@devmesh/models";
import { runLoop, sleep } from "@devmesh/runtime";
import { isInitializeRequest } from "@modelcontextprotocol/server";
import { methodNotAllowed } from "../../http/refusal.ts";
import type { Exchange } from "../exchange.ts";
import { answerSession } from "./answer-session.ts";
import type { LiveSessionDeps } from "./live-session.ts";
import { openNodeMail, type SessionMail } from "./node-mail.ts";
import { createSessionPool } from "./session-pool.ts";
import { checkMs, createSessionTaker, isStillKept } from "./take-session.ts";

/** Sessions of the older generation, on this node and wherever else they were. */
export interface Sessions extends AsyncDisposable {
  /** @throws AppError `not_found`, reason `session`, for one that is none any more, or somebody else's. */
  handle(exchange: Exchange): Promise<Response>;
  /** Those that have a server on this node. */
  readonly size: number;
}

export interface SessionsDeps extends Omit<LiveSessionDeps, "mail" | "isAlive" | "fanOut"> {
  readonly fanOut: FanOut;
  readonly presence: Presence | undefined;
  readonly max: number;
  /** How long a session keeps its server on this node unused; the session itself lasts as long as the store says. */
  readonly unusedMs: number;
  readonly now: () => number;
  readonly onRevived: () => void;
}

/** Listens to the other nodes; sessions come with their requests. */
export async function openSessions(deps: SessionsDeps): Promise<Sessions> {
  const { store, now, nodeId, presence, logger } = deps;
  const pool = createSessionPool(deps);
  const ending = new AbortController();

  async function receive(mail: SessionMail): Promise<void> {
    const session = pool.get(mail.session)?.session;
    if (session === undefined) return;
    if ("message" in mail) session.accept(mail.message);
    else if ("taken" in mail) session.taken(mail.taken);
    else await pool.drop(mail.session);
  }

  const mail = await openNodeMail({ nodeId, fanOut: deps.fanOut, store, onMail: receive, logger });
  const live: LiveSessionDeps = {
    ...deps,
    mail,
    isAlive: async (other) => (await presence?.find([other]))?.has(other),
  };
  const { begin, take } = createSessionTaker({ ...deps, live, pool });

  async function dropUnused(): Promise<void> {
    for (const pooled of pool.all()) {
      const isUnused = now() - pooled.usedAt > deps.unusedMs && !pooled.session.isBusy && pooled.isKept;
      if (isUnused || !(await isStillKept(deps, pooled))) await pool.drop(pooled.session.record.id);
    }
  }

  const tidying = runLoop({
    name: "mcp sessions",
    signal: ending.signal,
    logger,
    work: async (signal) => {
      await sleep(checkMs, signal);
      if (!signal.aborted) await dropUnused();
    },
  });

  return {
    handle: async (exchange) => {
      const id = exchange.request.headers.get("mcp-session-id");
      const { message } = exchange;
      if (id !== null) {
        const deps = { store, mail, nodeId, take: () => take(id, exchange), drop: () => pool.drop(id) };
        return answerSession(deps, id, exchange);
      }
      if (isInitializeRequest(message)) return begin({ jsonrpc: "2.0", id: 0, ...message }, exchange);
      throw noSessionNamed(exchange);
    },
    get size() {
      return pool.size;
    },
    async [Symbol.asyncDispose]() {
      ending.abort();
      await tidying;
      await mail[Symbol.asyncDispose]();
      await Promise.all(pool.all().map(({ session }) => pool.drop(session.record.id)));
    },
  };
}

function noSessionNamed({ request, message }: Exchange): AppError {
  // the newer generation has POST alone
  if (message === undefined && (request.headers.get("mcp-protocol-version") ?? "") > "2026") {
    return methodNotAllowed(`${request.method} is not offered to revision 2026-07-28: POST`);
  }
  return new AppError(
    "invalid_argument",
    "the header Mcp-Session-Id is needed, or an initialize request, or revision 2026-07-28 in the request's _meta",
  );
}
