import type { RunKind } from "../tasks/runs/run-kind.ts";
import type { Runs } from "../tasks/runs/run-tool.ts";
import type { Tool } from "../tools/tool.ts";
import type { ToolSource } from "../tools/tool-source.ts";
import { type ExternalToolDeps, externalRun } from "./external-run.ts";
import { gatewaySource } from "./gateway-source.ts";
import { type LookDeps, startLooking } from "./look-at-servers.ts";
import { openTenantServers, type TenantServersDeps } from "./tenant-servers.ts";
import { toolCall } from "./tool-call.ts";
import { toolSearch } from "./tool-search.ts";

/** What the tools of other servers stand on. */
export type GatewayDeps = Omit<ExternalToolDeps, "tenantServers"> &
  Omit<TenantServersDeps, "maxListed"> &
  Omit<LookDeps, "checkMs"> & { readonly config: GatewayConfig };

/** How tools of other servers are offered. */
export interface GatewayConfig {
  /** Tools of a tenant that `tools/list` shows; where there are more, they are found by searching alone. */
  readonly listedTools: number;
  /** How often a server is looked at. */
  readonly toolCheckMs: number;
}

/** The tools of other servers on one node. Disposing ends the looks at them. */
export interface Gateway extends AsyncDisposable {
  /** Carries out long calls: the same on every node. */
  readonly kind: RunKind;
  /** Tools by their own names, and the server's own two tools that find and call them. */
  open(runs: Pick<Runs, "call">): { readonly source: ToolSource; readonly tools: readonly Tool[] };
}

/** Begins to look after the servers that are registered, together with the other nodes. */
export async function openGateway(deps: GatewayDeps): Promise<Gateway> {
  const { listedTools, toolCheckMs } = deps.config;
  await using stack = new AsyncDisposableStack();
  const tenantServers = stack.use(await openTenantServers({ ...deps, maxListed: listedTools }));
  stack.use(await startLooking({ ...deps, checkMs: toolCheckMs }));
  const external = { ...deps, tenantServers };
  const opened = stack.move();
  return {
    kind: externalRun(external),
    open(runs) {
      const source = gatewaySource({ ...external, runs });
      return { source, tools: [toolSearch(external), toolCall(source)] };
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}
