import { hasScope, type Scope } from "@devmesh/auth";
import { AppError, assert } from "@devmesh/models";
import type { Logger } from "@devmesh/observability";
import { isLegacyRequest, PROTOCOL_VERSION_META_KEY } from "@modelcontextprotocol/server";
import type { Handler } from "hono";
import { toAuthInfo } from "../../http/sign-in.ts";
import type { Sessions } from "../sessions/open-sessions.ts";
import type { Incoming, McpEnv } from "./incoming.ts";
import { refuseMcp } from "./refuse-mcp.ts";
import type { Modern } from "./serve-modern.ts";

export interface AnswerDeps {
  readonly modern: Modern;
  readonly sessions: Sessions;
  /** What the sender of a message needs. */
  readonly scopesOf: (message: unknown) => readonly Scope[];
  readonly logger: Logger;
}

/** Answers what the door has let in, by the generation of the protocol that it belongs to. */
export function answerMcp(deps: AnswerDeps): Handler<McpEnv> {
  return async (c) => {
    const incoming = c.get("incoming");
    try {
      return await answer(deps, c.req.raw, incoming);
    } catch (caught) {
      return refuseMcp(deps.logger, caught, incoming);
    }
  };
}

async function answer(deps: AnswerDeps, request: Request, incoming: Incoming): Promise<Response> {
  const { message, signedIn, metadataUrl } = incoming;
  assert(signedIn !== undefined, "a request that was not let in");
  const isLegacy = !claimsNewer(message) && (await isLegacyRequest(request, message));
  incoming.era = isLegacy ? "legacy" : "modern";
  incoming.needed = deps.scopesOf(message);
  const missing = incoming.needed.filter((scope) => !hasScope(signedIn.principal, scope));
  if (missing.length > 0) throw insufficientScope(missing);
  const exchange = { request, message, ...signedIn, authInfo: toAuthInfo(signedIn.principal, metadataUrl) };
  return isLegacy ? deps.sessions.handle(exchange) : deps.modern.handle(exchange);
}

/** True for most of the newer generation's requests; the SDK's own look at the others costs more. */
function claimsNewer(message: unknown): boolean {
  const { method, params } = (message ?? {}) as Claiming;
  return params?._meta?.[PROTOCOL_VERSION_META_KEY] === newerRevision && method !== "initialize";
}

interface Claiming {
  readonly method?: unknown;
  readonly params?: { readonly _meta?: Readonly<Record<string, unknown>> };
}

const newerRevision = "2026-07-28";

function insufficientScope(missing: readonly Scope[]): AppError {
  const message = `the credential lacks the ${missing.length === 1 ? "scope" : "scopes"} ${missing.join(", ")}`;
  return new AppError("permission_denied", message, { reason: "insufficient_scope" });
}
