import type { ToolCheck, ToolHealth, ToolServer } from "@devmesh/models";
import type { ToolStanding } from "../gateway.ts";

/** How a server does: what the last look by any process found, and how it stands in this one. */
export function healthOf(
  server: Pick<ToolServer, "enabled"> & {
    readonly check: (ToolCheck & { readonly checkedAt: string }) | undefined;
  },
  { retryAfterMs, ...standing }: ToolStanding,
): ToolHealth {
  const { check } = server;
  return {
    state: server.enabled ? (check?.state ?? "unknown") : "disabled",
    ...(check !== undefined && { checkedAt: check.checkedAt, latencyMs: check.latencyMs }),
    ...(check?.error !== undefined && { error: check.error }),
    ...standing,
    ...(standing.breaker === "open" && { retryAfterMs }),
  };
}
