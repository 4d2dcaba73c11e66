import type { ToolServerId } from "@devmesh/models";
import { callTool } from "./call-tool.ts";
import { createConnections } from "./connections.ts";
import type { ToolGateway, ToolGatewayDeps, ToolGatewayLimits } from "./gateway.ts";
import { createGuards } from "./guards.ts";
import { lookAtServer, type ToolLook } from "./look.ts";
import type { ToolTarget } from "./ports.ts";

const defaultLimits: Required<ToolGatewayLimits> = {
  maxOutputBytes: 1_048_576,
  maxArgumentBytes: 1_048_576,
  maxTenantCalls: 64,
  maxWaiting: 64,
  maxWaitMs: 10_000,
  maxConnections: 64,
  maxTenantConnections: 16,
  idleMs: 300_000,
  openTimeoutMs: 30_000,
};

/** Makes the gateway. Nothing is opened before the first call. */
export function createToolGateway(deps: ToolGatewayDeps): ToolGateway {
  const limits = { ...defaultLimits, ...deps.limits };
  const connections = createConnections({ ...deps, ...limits });
  const guards = createGuards(deps.createBreaker, limits);
  const calling = { ...deps, ...limits, connections, guards };
  const looking = { ...deps, connections, known: new Set<string>() };
  const looks = new Map<ToolServerId, Promise<ToolLook>>();

  /** Two who ask at once get one look, by the first one's signal. */
  function refresh(target: ToolTarget, { signal }: { readonly signal: AbortSignal }): Promise<ToolLook> {
    const { id } = target.server;
    const underway = looks.get(id);
    if (underway !== undefined) return underway;
    const look = lookAtServer(looking, target, signal).finally(() => looks.delete(id));
    looks.set(id, look);
    return look;
  }

  return {
    call: (invocation) => callTool(calling, invocation),
    refresh,
    standingOf: (serverId) => ({ ...guards.standingOf(serverId), isConnected: connections.isConnected(serverId) }),
    forget: async (serverId) => {
      guards.forget(serverId);
      await connections.close(serverId);
    },
    [Symbol.asyncDispose]: async () => {
      guards[Symbol.dispose]();
      await connections[Symbol.asyncDispose]();
    },
  };
}
