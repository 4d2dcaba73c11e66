import type { Hints, McpChange } from "@devmesh/adapters";
import type { TenantId } from "@devmesh/models";
import type { ServerEvent, ServerEventBus } from "@modelcontextprotocol/server";

/** Hears what happens in one tenant; must not throw. */
export type HearEvent = (event: ServerEvent) => void;

/**
 * What clients are told without asking: that a list is another one now. A hint, as all that goes over the fan-out: it may
 * come twice or never. No tenant hears of another's. Of resources the `ResourceWatch` tells.
 */
export interface McpEvents extends AsyncDisposable {
  /** Tells the clients of all nodes. Never throws, never waits. */
  publish(change: McpChange): void;
  /** The answer ends the hearing, and may be called twice. */
  hear(tenantId: TenantId, handler: HearEvent): () => void;
}

/** Begins to listen to the other nodes. */
export async function openMcpEvents(hints: Pick<Hints, "mcpChanged" | "onMcpChanges">): Promise<McpEvents> {
  const handlersByTenant = new Map<TenantId, Set<HearEvent>>();

  const end = await hints.onMcpChanges((changes) => {
    for (const { tenantId, list } of changes) {
      for (const handler of [...(handlersByTenant.get(tenantId) ?? [])]) handler({ kind: `${list}_list_changed` });
    }
  });

  return {
    publish: (change) => hints.mcpChanged([change]),
    hear(tenantId, handler) {
      // one handler may hear twice: each hearing is its own
      const own: HearEvent = (event) => handler(event);
      const handlers = handlersByTenant.get(tenantId) ?? new Set();
      handlersByTenant.set(tenantId, handlers.add(own));
      return () => {
        handlers.delete(own);
        if (handlers.size === 0 && handlersByTenant.get(tenantId) === handlers) handlersByTenant.delete(tenantId);
      };
    },
    [Symbol.asyncDispose]: end,
  };
}

/** What the SDK asks for the events of one stream: those of the tenant that the stream belongs to. */
export function busOf(events: Pick<McpEvents, "hear">, tenantId: TenantId): ServerEventBus {
  return {
    // nothing is published by the SDK: who knows of a change tells the mesh
    publish: () => undefined,
    subscribe: (listener) => events.hear(tenantId, listener),
  };
}
