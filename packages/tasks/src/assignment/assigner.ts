import type { AgentId, AssignmentScope, LaneId, TakenSlot, TenantId } from "@devmesh/models";
import type { LedgerStore } from "../store.ts";
import { type AssignOptions, assign } from "./assign.ts";

/** Assigns in the background: what is asked for while one round is under way goes with the next. */
export interface Assigner extends AsyncDisposable {
  /** Asks for a look at lanes and agents. Never waits; several asks in a row are one. */
  request(scope: AssignmentScope): void;
  /** Resolves when nothing is left to look at. */
  idle(): Promise<void>;
}

/** What rounds of assignment work with. */
export interface AssignerOptions extends AssignOptions {
  readonly store: LedgerStore;
  readonly onTaken: (taken: readonly TakenSlot[]) => void;
  /** A round that failed is not done again: the sweep finds what it left. */
  readonly onError: (error: unknown) => void;
}

/** Asks beyond these are dropped: the sweep looks at all lanes in any case. */
const maxAsked = 10_000;
/** Lanes and agents in one round. */
const perRound = 500;

/** Makes an assigner that is at rest until it is asked. */
export function createAssigner(options: AssignerOptions): Assigner {
  const lanes = new Map<LaneId, TenantId>();
  const agents = new Map<AgentId, TenantId>();
  let running: Promise<void> | undefined;
  let isClosed = false;

  function request(scope: AssignmentScope): void {
    if (isClosed) return;
    for (const { laneId, tenantId } of scope.lanes) if (lanes.size < maxAsked) lanes.set(laneId, tenantId);
    for (const { agentId, tenantId } of scope.agents) if (agents.size < maxAsked) agents.set(agentId, tenantId);
    if (lanes.size + agents.size > 0) running ??= run();
  }

  async function run(): Promise<void> {
    // what is asked for in this turn of the event loop goes together
    await new Promise(setImmediate);
    while (lanes.size + agents.size > 0 && !isClosed) await round(nextScope());
    running = undefined;
  }

  async function round(scope: AssignmentScope): Promise<void> {
    try {
      const { taken, again } = await assign(options.store, scope, options);
      if (taken.length > 0) options.onTaken(taken);
      request(again);
    } catch (error) {
      options.onError(error);
    }
  }

  function nextScope(): AssignmentScope {
    return {
      lanes: shift(lanes).map(([laneId, tenantId]) => ({ laneId, tenantId })),
      agents: shift(agents).map(([agentId, tenantId]) => ({ agentId, tenantId })),
    };
  }

  return {
    request,
    idle: async () => running,
    async [Symbol.asyncDispose]() {
      isClosed = true;
      await running;
    },
  };
}

function shift<Key, Value>(map: Map<Key, Value>): [Key, Value][] {
  const first = [...map].slice(0, perRound);
  for (const [key] of first) map.delete(key);
  return first;
}
