import { defaultScopesOf, hasScope, type Scope } from "@devmesh/auth";
import { AppError, toAppError } from "@devmesh/models";
import type { Logger } from "@devmesh/observability";
import { isLegacyRequest, PROTOCOL_VERSION_META_KEY, ProtocolError } from "@modelcontextprotocol/server";
import { Hono, type MiddlewareHandler } from "hono";
import { addressOf, admit } from "../../http/admit.ts";
import type { OriginGuard } from "../../http/guard-origin.ts";
import type { Door } from "../../http/open-door.ts";
import { originOf } from "../../http/origin-of.ts";
import { readMessage } from "../../http/read-message.ts";
import { echoedId, methodNotAllowed, protocolRefusal, refusal } from "../../http/refusal.ts";
import { challengeOf, toAuthInfo } from "../../http/sign-in.ts";
import type { Era } from "../caller.ts";
import type { McpHttpConfig } from "../mcp-config.ts";
import type { SessionExchange } from "../sessions/answer-session.ts";
import type { Sessions } from "../sessions/open-sessions.ts";
import type { McpMetrics } from "./mcp-metrics.ts";
import { describeResource, metadataPath } from "./resource-metadata.ts";
import { type Modern, methodOf } from "./serve-modern.ts";
import { mountServerCard } from "./server-card.ts";

export interface MountDeps extends Pick<Door, "guard" | "authenticator" | "rateLimiter"> {
  readonly config: McpHttpConfig;
  readonly modern: Modern;
  readonly sessions: Sessions;
  /** What the sender of a message needs. */
  readonly scopesOf: (message: unknown) => readonly Scope[];
  readonly isDraining: () => boolean;
  readonly metrics: McpMetrics;
  readonly now: () => number;
  readonly logger: Logger;
}

/** The routes of the MCP server over HTTP. */
export function mountMcp(deps: MountDeps): Hono {
  const { guard } = deps;
  const { publicUrl } = deps.config;
  const app = new Hono();
  // every page may read them, but not under a name that is not ours: they repeat it
  app.use("/.well-known/*", ofOurHost(guard));
  app.use("/mcp/server-card", ofOurHost(guard));
  // the second is for clients that look for it without the path
  for (const path of [metadataPath, "/.well-known/oauth-protected-resource"]) {
    app.get(path, (c) => c.json(describeResource(originOf(c.req.raw, publicUrl)), 200, openToAll));
  }
  mountServerCard(app, publicUrl);
  for (const path of ["/sse", "/mcp/sse", "/messages"]) app.all(path, () => refusal(noOldTransport()));
  app.options("/mcp", (c) => preflight(guard, c.req.raw.headers));
  app.all("/mcp", (c) => answer(deps, guard, { request: c.req.raw, address: addressOf(c.env) }));
  return app;
}

const openToAll = { "access-control-allow-origin": "*", "cache-control": "public, max-age=3600" };

/** What is found out about a request on its way to an answer. */
interface Found {
  message?: unknown;
  era?: Era;
  needed?: readonly Scope[];
}

interface Arrived {
  readonly request: Request;
  /** Where it came from: the budget of those who have no good key. */
  readonly address: string;
}

async function answer(deps: MountDeps, guard: OriginGuard, { request, address }: Arrived): Promise<Response> {
  const startedAt = deps.now();
  const found: Found = {};
  const metadataUrl = `${originOf(request, deps.config.publicUrl)}${metadataPath}`;
  let response: Response;
  try {
    guard.check(request.headers);
    response = await serve(deps, { request, address, metadataUrl, found });
  } catch (caught) {
    response = refuse(deps, caught, { found, metadataUrl });
  }
  for (const [name, value] of Object.entries(guard.corsOf(request.headers))) response.headers.set(name, value);
  const method = methodOf(found.message) ?? (request.method === "POST" ? undefined : request.method);
  deps.metrics.answered({ method, era: found.era, status: response.status, ms: deps.now() - startedAt });
  return response;
}

interface Asked extends Arrived {
  readonly metadataUrl: string;
  readonly found: Found;
}

async function serve(deps: MountDeps, { request, address, metadataUrl, found }: Asked): Promise<Response> {
  if (deps.isDraining()) throw new AppError("unavailable", "the node is stopping", draining);
  const { principal, credential } = await admit(deps, request.headers, address);
  if (!methods.includes(request.method))
    throw methodNotAllowed(`${request.method} is not offered: POST, GET or DELETE`);
  if (request.method === "POST") found.message = await readMessage(request);
  const { message } = found;
  const isLegacy = !claimsNewer(message) && (await isLegacyRequest(request, message));
  found.era = isLegacy ? "legacy" : "modern";
  found.needed = deps.scopesOf(message);
  const missing = found.needed.filter((scope) => !hasScope(principal, scope));
  if (missing.length > 0) throw insufficientScope(missing);
  const exchange: SessionExchange = {
    request,
    message,
    principal,
    credential,
    authInfo: toAuthInfo(principal, metadataUrl),
  };
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

const methods = ["POST", "GET", "DELETE"];
const draining = { reason: "draining", retryAfterMs: 1_000 };

interface Refused {
  readonly found: Found;
  readonly metadataUrl: string;
}

function refuse({ logger }: MountDeps, caught: unknown, { found, metadataUrl }: Refused): Response {
  const id = echoedId(found.message);
  if (caught instanceof ProtocolError) return protocolRefusal(caught, id);
  const error = toAppError(caught);
  if (error.code === "internal") logger.error({ err: caught }, "mcp request failed");
  else logger.debug({ err: caught }, "mcp request refused");
  const isScope = error.reason === "insufficient_scope";
  if (error.code !== "unauthenticated" && !isScope) return refusal(error, id, allowOf(error));
  // who has no credential yet is told what an agent usually has
  const challenge = challengeOf(error, metadataUrl, found.needed ?? defaultScopesOf("agt"));
  return refusal(error, id, { "www-authenticate": challenge });
}

function allowOf(error: AppError): Readonly<Record<string, string>> {
  return error.reason === "method_not_allowed" ? { allow: [...methods, "OPTIONS"].join(", ") } : {};
}

function insufficientScope(missing: readonly Scope[]): AppError {
  const message = `the credential lacks the ${missing.length === 1 ? "scope" : "scopes"} ${missing.join(", ")}`;
  return new AppError("permission_denied", message, { reason: "insufficient_scope" });
}

function ofOurHost(guard: OriginGuard): MiddlewareHandler {
  return async (c, next) => {
    try {
      guard.checkHost(c.req.raw.headers);
    } catch (caught) {
      return refusal(toAppError(caught));
    }
    return next();
  };
}

/** Asked by a page before it calls: it has no credential yet. */
function preflight(guard: OriginGuard, headers: Headers): Response {
  try {
    guard.check(headers);
  } catch (caught) {
    return refusal(toAppError(caught));
  }
  return new Response(null, {
    status: 204,
    headers: {
      ...guard.corsOf(headers),
      "access-control-allow-methods": methods.join(", "),
      // names can be asked for only: parameters of tools have header fields of their own
      "access-control-allow-headers": headers.get("access-control-request-headers") ?? "authorization, content-type",
      "access-control-max-age": "3600",
    },
  });
}

function noOldTransport(): AppError {
  return new AppError("not_found", "the HTTP+SSE transport of 2024 is not offered: use Streamable HTTP at /mcp");
}
