import { AppError } from "@devmesh/models";
import type { Logger } from "@devmesh/observability";
import type { Context, MiddlewareHandler } from "hono";
import { addressOf, admit } from "../../http/admit.ts";
import { methodOf } from "../../http/json-rpc.ts";
import type { Door } from "../../http/open-door.ts";
import { originOf } from "../../http/origin-of.ts";
import { readMessage } from "../../http/read-message.ts";
import { methodNotAllowed } from "../../http/refusal.ts";
import type { Incoming, McpEnv } from "./incoming.ts";
import type { McpMetrics } from "./mcp-metrics.ts";
import { mcpMethods, refuseMcp } from "./refuse-mcp.ts";
import { metadataPath } from "./resource-metadata.ts";

export interface EnterDeps extends Pick<Door, "guard" | "authenticator" | "rateLimiter"> {
  readonly config: { readonly publicUrl: string | undefined };
  readonly isDraining: () => boolean;
  readonly metrics: McpMetrics;
  readonly now: () => number;
  readonly logger: Logger;
}

/**
 * The door of `/mcp`: host and origin are looked at, then the credential and its rate, and only then is a body read. What is
 * not let in is answered here, and all that is answered gets the header fields of its origin, and is counted.
 */
export function enterMcp(deps: EnterDeps): MiddlewareHandler<McpEnv> {
  const { guard, metrics, now } = deps;
  return async (c, next) => {
    const startedAt = now();
    const { raw: request } = c.req;
    const incoming: Incoming = { metadataUrl: `${originOf(request, deps.config.publicUrl)}${metadataPath}` };
    const refused = await letIn(deps, c, incoming);
    if (refused === undefined) await next();
    else c.res = refused;
    for (const [name, value] of Object.entries(guard.corsOf(request.headers))) c.res.headers.set(name, value);
    const method = methodOf(incoming.message) ?? (request.method === "POST" ? undefined : request.method);
    metrics.answered({ method, era: incoming.era, status: c.res.status, ms: now() - startedAt });
  };
}

/** Gives the refusal; undefined where there is none. */
async function letIn(deps: EnterDeps, c: Context<McpEnv>, incoming: Incoming): Promise<Response | undefined> {
  const { raw: request } = c.req;
  try {
    deps.guard.check(request.headers);
    if (deps.isDraining()) throw new AppError("unavailable", "the node is stopping", draining);
    incoming.signedIn = await admit(deps, request.headers, addressOf(c.env));
    if (!mcpMethods.includes(request.method))
      throw methodNotAllowed(`${request.method} is not offered: POST, GET or DELETE`);
    if (request.method === "POST") incoming.message = await readMessage(request);
  } catch (caught) {
    return refuseMcp(deps.logger, caught, incoming);
  }
  c.set("incoming", incoming);
  // also where there is none: a GET that names a content type would have its body looked for
  c.set("parsedBody", incoming.message ?? null);
  return undefined;
}

const draining = { reason: "draining", retryAfterMs: 1_000 };
