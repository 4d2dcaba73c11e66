import type { Hints, McpChange } from "@devmesh/adapters";
import type { TenantId } from "@devmesh/models";
import type { ServerEvent, ServerEventBus } from "@modelcontextprotocol/server";

/** Hears what happens in one tenant; must not throw. */
export type HearEvent = (event: ServerEvent) => void;

/**
 * What clients are told without asking: that a list is another one now, or that a resource has changed. A hint, as all
 * that goes over the fan-out: it may come twice or never. No tenant hears of another's, whatever its URIs are.
 */
export interface McpEvents extends AsyncDisposable {
  /** Tells the clients of all nodes. Never throws, never waits. */
  publish(change: McpChange): void;
  /** Tells the clients of this node alone: for what every node finds out by itself. */
  tellHere(change: McpChange): void;
  /** The answer ends the hearing, and may be called twice. */
  hear(tenantId: TenantId, handler: HearEvent): () => void;
}

/** Begins to listen to the other nodes. */
export async function openMcpEvents(hints: Pick<Hints, "mcpChanged" | "onMcpChanges">): Promise<McpEvents> {
  const handlersByTenant = new Map<TenantId, Set<HearEvent>>();

  function tellHere(change: McpChange): void {
    const handlers = handlersByTenant.get(change.tenantId);
    if (handlers === undefined) return;
    const event = toServerEvent(change);
    for (const handler of [...handlers]) handler(event);
  }

  const end = await hints.onMcpChanges((changes) => {
    for (const change of changes) tellHere(change);
  });

  return {
    publish: (change) => hints.mcpChanged([change]),
    tellHere,
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

function toServerEvent(change: McpChange): ServerEvent {
  if ("uri" in change) return { kind: "resource_updated", uri: change.uri };
  return { kind: `${change.list}_list_changed` };
}
