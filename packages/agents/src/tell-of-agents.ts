import type { AgentStore } from "./agent-store.ts";

/**
 * The same store, but that `tell` is called after each change that makes an event: it waits to be numbered. `tell` must
 * not throw.
 */
export function tellOfAgents<Store extends AgentStore>(store: Store, tell: () => void): Store {
  const after = async <T>(done: Promise<T>): Promise<T> => {
    const result = await done;
    tell();
    return result;
  };
  return {
    ...store,
    register: (...given: Parameters<AgentStore["register"]>) => after(store.register(...given)),
    update: (...given: Parameters<AgentStore["update"]>) => after(store.update(...given)),
    setAdmin: (...given: Parameters<AgentStore["setAdmin"]>) => after(store.setAdmin(...given)),
    deregister: (...given: Parameters<AgentStore["deregister"]>) => after(store.deregister(...given)),
    attach: (...given: Parameters<AgentStore["attach"]>) => after(store.attach(...given)),
    detach: (...given: Parameters<AgentStore["detach"]>) => after(store.detach(...given)),
  };
}
