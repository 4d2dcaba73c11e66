import { AppError, toAppError } from "@devmesh/models";
import { createMcpHonoApp } from "@modelcontextprotocol/hono";
import { Hono, type MiddlewareHandler } from "hono";
import type { OriginGuard } from "../../http/guard-origin.ts";
import { originOf } from "../../http/origin-of.ts";
import { maxBodyBytes } from "../../http/read-message.ts";
import { refusal } from "../../http/refusal.ts";
import { type AnswerDeps, answerMcp } from "./answer-mcp.ts";
import { type EnterDeps, enterMcp } from "./enter-mcp.ts";
import type { McpEnv } from "./incoming.ts";
import { mcpMethods } from "./refuse-mcp.ts";
import { describeResource, metadataPath } from "./resource-metadata.ts";
import { mountServerCard } from "./server-card.ts";

/** The routes of the MCP server over HTTP. */
export function mountMcp(deps: EnterDeps & AnswerDeps): Hono<McpEnv> {
  const { guard } = deps;
  const app = new Hono<McpEnv>();
  mountDiscovery(app, deps);
  for (const path of ["/sse", "/mcp/sse", "/messages"]) app.all(path, () => refusal(noOldTransport()));
  app.options("/mcp", (c) => preflight(guard, c.req.raw.headers));
  // what is no address is not let in, and not read either, `/mcp/` among it: the SDK's app would read it
  app.use("/mcp/*", async (c, next) => (c.req.path === "/mcp" ? next() : c.notFound()));
  app.use("/mcp", enterMcp(deps));
  app.route("/mcp", sdkApp(guard));
  app.all("/mcp", answerMcp(deps));
  return app;
}

/**
 * The SDK's app, behind our door: the body is read by then, and its own look at the host finds nothing more. It looks at no
 * origin, as it would by host name alone; `*` is no address, on some of which it would, and on others write to the console.
 *
 * @see docs/decisions/031-our-door-before-the-sdks-app.md
 */
function sdkApp({ hosts }: OriginGuard): Hono {
  const allowedHosts = hosts.length === 0 ? {} : { allowedHosts: [...hosts] };
  return createMcpHonoApp({ host: "*", ...allowedHosts, maxRequestBodySize: maxBodyBytes });
}

const openToAll = { "access-control-allow-origin": "*", "cache-control": "public, max-age=3600" };

/** Every page may read these, but not under a name that is not ours: they repeat it. */
function mountDiscovery(app: Hono<McpEnv>, { guard, config: { publicUrl } }: EnterDeps): void {
  app.use("/.well-known/*", ofOurHost(guard));
  app.use("/mcp/server-card", ofOurHost(guard));
  // the second is for clients that look for it without the path
  for (const path of [metadataPath, "/.well-known/oauth-protected-resource"]) {
    app.get(path, (c) => c.json(describeResource(originOf(c.req.raw, publicUrl)), 200, openToAll));
  }
  mountServerCard(app, publicUrl);
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
      "access-control-allow-methods": mcpMethods.join(", "),
      // names can be asked for only: parameters of tools have header fields of their own
      "access-control-allow-headers": headers.get("access-control-request-headers") ?? "authorization, content-type",
      "access-control-max-age": "3600",
    },
  });
}

function noOldTransport(): AppError {
  return new AppError("not_found", "the HTTP+SSE transport of 2024 is not offered: use Streamable HTTP at /mcp");
}
