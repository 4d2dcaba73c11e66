import type { Metrics } from "@devmesh/observability";
import type { OpenStreams } from "../../http/open-streams.ts";
import type { Era } from "../caller.ts";

/** What an operator wants to know of `/mcp`. */
export interface McpMetrics {
  answered(request: AnsweredRequest): void;
  sessionRevived(): void;
}

/** One request, as it was answered. */
export interface AnsweredRequest {
  /** HTTP's for what has no message. */
  readonly method: string | undefined;
  /** Undefined where it was refused before that was known. */
  readonly era: Era | undefined;
  readonly status: number;
  readonly ms: number;
}

const knownMethods = new Set([
  "GET",
  "DELETE",
  "initialize",
  "ping",
  "server/discover",
  "tools/list",
  "tools/call",
  "resources/list",
  "resources/templates/list",
  "resources/read",
  "resources/subscribe",
  "resources/unsubscribe",
  "prompts/list",
  "prompts/get",
  "completion/complete",
  "subscriptions/listen",
  "logging/setLevel",
  "tasks/get",
  "tasks/update",
  "tasks/cancel",
  "notifications/initialized",
  "notifications/cancelled",
]);

export interface McpMetricsSources {
  readonly streams: Pick<OpenStreams, "countOf">;
  readonly sessions: () => number;
}

export function createMcpMetrics(metrics: Metrics, { streams, sessions }: McpMetricsSources): McpMetrics {
  const requests = metrics.counter({
    name: "devmesh_mcp_requests_total",
    help: "Requests of MCP clients, by method, generation and HTTP status",
    labels: ["method", "era", "status"],
  });
  const seconds = metrics.histogram({
    name: "devmesh_mcp_request_seconds",
    help: "Time to the head of the answer of an MCP request",
    labels: ["era"],
  });
  const revived = metrics.counter({
    name: "devmesh_mcp_sessions_revived_total",
    help: "Sessions that were taken up on this node",
  });
  metrics.gauge({
    name: "devmesh_mcp_sessions",
    help: "Sessions of the older generation with a server on this node",
    read: sessions,
  });
  metrics.gauge({
    name: "devmesh_mcp_subscriptions",
    help: "Open responses that tell clients of changes",
    read: () => streams.countOf("listen") + streams.countOf("session"),
  });
  return {
    answered({ method = "none", era = "legacy", status, ms }) {
      // a method is any word that a client makes up
      requests.inc({ method: knownMethods.has(method) ? method : "other", era, status: String(status) });
      seconds.observe({ era }, ms / 1_000);
    },
    sessionRevived: () => revived.inc(),
  };
}
