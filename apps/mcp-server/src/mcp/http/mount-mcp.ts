import type { Authenticator } from "@devmesh/auth";
import { type AppError, toAppError } from "@devmesh/models";
import type { Logger } from "@devmesh/observability";
import { isLegacyRequest, type McpHttpHandler } from "@modelcontextprotocol/server";
import { Hono } from "hono";
import type { McpHttpConfig } from "../open-mcp.ts";
import type { Sessions } from "../sessions/open-sessions.ts";
import { createOriginGuard } from "./guard-origin.ts";
import { readMessage } from "./read-message.ts";
import { echoedId, refusal } from "./refusal.ts";
import { describeResource, metadataPath, originOf } from "./resource-metadata.ts";
import { challengeOf, signIn, toAuthInfo } from "./sign-in.ts";

export interface MountDeps {
  readonly config: McpHttpConfig;
  readonly authenticator: Authenticator;
  readonly modern: McpHttpHandler;
  readonly sessions: Sessions;
  readonly logger: Logger;
}

/** The routes of the MCP server over HTTP. */
export function mountMcp(deps: MountDeps): Hono {
  const { config } = deps;
  const app = new Hono();
  const guard = createOriginGuard(config);
  for (const path of [metadataPath, "/.well-known/oauth-protected-resource"]) {
    app.get(path, (c) => c.json(describeResource(originOf(c.req.raw, config.publicUrl))));
  }
  app.all("/mcp", async (c) => {
    const request = c.req.raw;
    const metadataUrl = `${originOf(request, config.publicUrl)}${metadataPath}`;
    let message: unknown;
    try {
      guard.check(request.headers);
      const { principal } = await signIn(deps.authenticator, request.headers);
      if (request.method === "POST") message = await readMessage(request);
      const options = { parsedBody: message, authInfo: toAuthInfo(principal, metadataUrl) };
      if (await isLegacyRequest(request, message)) return await deps.sessions.handle(request, options);
      return await deps.modern.fetch(request, options);
    } catch (caught) {
      return refuse(toAppError(caught), message, metadataUrl);
    }
  });
  return app;
}

function refuse(error: AppError, message: unknown, metadataUrl: string): Response {
  const isChallenge = error.code === "unauthenticated";
  return refusal(
    error,
    echoedId(message),
    isChallenge ? { "www-authenticate": challengeOf(error, metadataUrl, []) } : {},
  );
}
