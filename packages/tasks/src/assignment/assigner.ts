import { AppError, type AssignmentScope, type BudgetRef, type LimitRef, type TakenSlot } from "@devmesh/models";
import type { LedgerStore, Unparked } from "../store.ts";
import { type AssignOptions, assign } from "./assign.ts";
import { createHeldLanes } from "./held-lanes.ts";
import { createTurns } from "./turns.ts";

/** Assigns in the background: what is asked for while one round is under way goes with the next. */
export interface Assigner extends AsyncDisposable {
  /** Asks for a look at lanes, agents, limits and budgets. Never waits; several asks in a row are one. */
  request(scope: AssignmentScope): void;
  /** Resolves when nothing is left to look at. */
  idle(): Promise<void>;
}

/** What rounds of assignment work with. */
export interface AssignerOptions extends AssignOptions {
  readonly store: LedgerStore;
  readonly onTaken: (taken: readonly TakenSlot[]) => void;
  /** Told where something may wait that no connected agent takes: that is for those who claim. */
  readonly onLeft: (left: Left) => void;
  /** A round that failed is not done again: the sweep finds what it left. */
  readonly onError: (error: unknown) => void;
}

/** Where a round looked and may have left something: lanes, and what else it was asked to look at. */
export interface Left extends Required<Pick<AssignmentScope, "lanes" | "agents" | "limits">> {
  /** Those of the agents whose budgets have room again: nobody else was told of them. */
  readonly unparked: AssignmentScope["agents"];
}

/** Asks beyond these are dropped: the sweep looks at all lanes in any case. */
const bounds = { max: 50_000, maxPerTenant: 10_000 };
/** Of each kind in one round, tenants in turn. */
const perRound = 500;
/** Budgets in one round, and the tasks of each that come back into their lanes: most will be parked again. */
const budgetsPerRound = 20;
const perBudget = 50;
/** After so many lost races the sweep finds what is left. */
const maxLostInARow = 3;

/** Makes an assigner that is at rest until it is asked. */
export function createAssigner(options: AssignerOptions): Assigner {
  const lanes = createTurns<AssignmentScope["lanes"][number]>(({ laneId }) => laneId, bounds);
  const agents = createTurns<AssignmentScope["agents"][number]>(({ agentId }) => agentId, bounds);
  const limits = createTurns<LimitRef>(({ limitId }) => limitId, bounds);
  const budgets = createTurns<BudgetRef>(({ budgetId }) => budgetId, bounds);
  const countAsked = (): number => lanes.size + agents.size + limits.size + budgets.size;
  let running: Promise<void> | undefined;
  let isClosed = false;
  let lostInARow = 0;
  const heldLanes = createHeldLanes(request, bounds);

  function request(scope: AssignmentScope): void {
    if (isClosed) return;
    lanes.add(scope.lanes.map(({ tenantId, laneId }) => ({ tenantId, laneId })));
    agents.add(scope.agents.map(({ tenantId, agentId }) => ({ tenantId, agentId })));
    limits.add(scope.limits ?? []);
    budgets.add(scope.budgets ?? []);
    if (countAsked() > 0) running ??= run();
  }

  async function run(): Promise<void> {
    // what is asked for in this turn of the event loop goes together
    await new Promise(setImmediate);
    while (countAsked() > 0 && !isClosed) await round(nextScope());
    running = undefined;
  }

  async function round({ budgets: roomy, ...scope }: Required<AssignmentScope>): Promise<void> {
    // what came back is in its lanes for good, also where the round is done again
    let asked = scope;
    try {
      const unparked = await unpark(roomy);
      asked = {
        ...scope,
        lanes: [...scope.lanes, ...unparked.lanes],
        agents: [...scope.agents, ...unparked.agents],
      };
      const { taken, again, held, left } = await assign(options.store, asked, options);
      lostInARow = 0;
      heldLanes.add(held);
      if (taken.length > 0) options.onTaken(taken);
      options.onLeft({ lanes: left, agents: asked.agents, limits: asked.limits, unparked: unparked.agents });
      request(again);
      // where nothing was taken of what came back, there is no room for the others either
      if (taken.length > 0) request({ lanes: [], agents: [], budgets: unparked.more });
    } catch (error) {
      lostInARow++;
      if (isLostRace(error) && lostInARow <= maxLostInARow) request({ ...asked, budgets: roomy });
      else options.onError(error);
    }
  }

  async function unpark(roomy: readonly BudgetRef[]): Promise<Unparked> {
    if (roomy.length === 0) return { lanes: [], agents: [], more: [] };
    const tenants = [...new Set(roomy.map(({ tenantId }) => tenantId))];
    return options.store.transaction(tenants, (tx) => tx.unparkTasks(roomy, perBudget));
  }

  function nextScope(): Required<AssignmentScope> {
    return {
      lanes: lanes.take(perRound),
      agents: agents.take(perRound),
      limits: limits.take(perRound),
      budgets: budgets.take(budgetsPerRound),
    };
  }

  return {
    request,
    idle: async () => running,
    async [Symbol.asyncDispose]() {
      isClosed = true;
      heldLanes[Symbol.dispose]();
      await running;
    },
  };
}

/** Postgres ended the round for the sake of another transaction: the same again succeeds. */
function isLostRace(error: unknown): boolean {
  return error instanceof AppError && error.reason === "serialization";
}
