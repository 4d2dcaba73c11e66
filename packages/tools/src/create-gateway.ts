import { callTool } from "./call-tool.ts";
import { createConnections } from "./connections.ts";
import { orAborted } from "./deadline.ts";
import type { ToolGateway, ToolGatewayDeps, ToolGatewayLimits } from "./gateway.ts";
import { createGuards } from "./guards.ts";
import { lookAtServer, type ToolLook } from "./look.ts";
import type { ToolTarget } from "./ports.ts";
import { createSeats } from "./seats.ts";

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
  const { maxConnections: max, maxTenantConnections: maxOfTenant, maxWaiting, maxWaitMs } = limits;
  const seats = createSeats({ max, maxOfTenant, maxWaiting, maxWaitMs });
  const guards = createGuards(deps.createBreaker, limits);
  const calling = { ...deps, ...limits, connections, guards, seats };
  const looking = { ...deps, connections, seats, known: new Set<string>() };
  const closing = new AbortController();
  const looks = new Map<string, Promise<ToolLook>>();

  /** Two who ask at once get one look, which ends for neither because the other one goes. */
  function refresh(target: ToolTarget, { signal }: { readonly signal: AbortSignal }): Promise<ToolLook> {
    const key = `${target.server.id}/${target.server.version}`;
    const look = looks.get(key) ?? lookAtServer(looking, target, closing.signal).finally(() => looks.delete(key));
    looks.set(key, look);
    return orAborted(look, signal);
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
      closing.abort();
      await Promise.allSettled(looks.values());
      guards[Symbol.dispose]();
      await connections[Symbol.asyncDispose]();
    },
  };
}
