import type { Hono, Env as HonoEnv } from "hono";
import { originOf } from "../../http/origin-of.ts";

const headers = { "access-control-allow-origin": "*", "cache-control": "public, max-age=3600" };
const cardType = "application/mcp-server-card+json";

/**
 * Discovery before anything is connected. Experimental: the specification of server cards is a draft (SEP-2127), and both
 * documents say so.
 */
export function mountServerCard<Env extends HonoEnv>(app: Hono<Env>, publicUrl: string | undefined): void {
  app.get("/.well-known/mcp/catalog.json", (c) => {
    const origin = originOf(c.req.raw, publicUrl);
    const entry = {
      identifier: `urn:air:${new URL(origin).hostname}:devmesh`,
      displayName: "Devmesh",
      mediaType: cardType,
      type: cardType,
      url: `${origin}/mcp/server-card`,
    };
    return c.json({ specVersion: "draft", experimental: true, entries: [entry] }, 200, headers);
  });
  app.get("/mcp/server-card", (c) => {
    const card = describeServer(originOf(c.req.raw, publicUrl));
    return c.body(JSON.stringify(card), 200, { ...headers, "content-type": cardType });
  });
}

function describeServer(origin: string): Readonly<Record<string, unknown>> {
  return {
    name: "dev.devmesh/devmesh",
    version: "1.0.0",
    title: "Devmesh",
    description: "Hands tasks to a fleet of agents, carries their messages, and keeps what they know.",
    remotes: [
      {
        type: "streamable-http",
        url: `${origin}/mcp`,
        supportedProtocolVersions: ["2026-07-28", "2025-11-25"],
        headers: [{ name: "Authorization", value: "Bearer {api_key}", isRequired: true, isSecret: true }],
      },
    ],
    _meta: { experimental: true },
  };
}
