import type { Metrics } from "@devmesh/observability";
import type { CallToolDeps } from "./call-tool.ts";

/** Counts and times the calls of tools; those of other servers together, whose names are not ours. Once per service. */
export function createCallMetrics(metrics: Metrics): CallToolDeps["onCall"] {
  const calls = metrics.counter({
    name: "devmesh_mcp_tool_calls_total",
    help: "Calls of tools over MCP, by what they came to.",
    labels: ["tool", "outcome"],
  });
  const seconds = metrics.histogram({
    name: "devmesh_mcp_tool_call_seconds",
    help: "How long calls of tools over MCP took.",
    labels: ["tool"],
  });
  return ({ tool, isOwn, outcome, ms }) => {
    const label = isOwn ? tool : "external";
    calls.inc({ tool: label, outcome });
    seconds.observe({ tool: label }, ms / 1_000);
  };
}
