import type { AssignmentScope } from "@devmesh/models";
import { createTurns, type TurnsBounds } from "./turns.ts";

/** Lanes whose tasks somebody held when they were looked at. */
export interface HeldLanes extends Disposable {
  /** Has them looked at again a moment later, all at once; nothing after its end. */
  add(lanes: AssignmentScope["lanes"]): void;
}

/** Longer than most transactions. Judgement. */
const heldMs = 50;

/** Who holds a task need not look for an agent when it lets go: one that is to depend on it does not. */
export function createHeldLanes(request: (scope: AssignmentScope) => void, bounds: TurnsBounds): HeldLanes {
  const held = createTurns<AssignmentScope["lanes"][number]>(({ laneId }) => laneId, bounds);
  let timer: NodeJS.Timeout | undefined;
  let isClosed = false;

  function look(): void {
    timer = undefined;
    request({ lanes: held.take(held.size), agents: [] });
  }

  return {
    add(lanes) {
      held.add(lanes);
      if (held.size > 0 && !isClosed) timer ??= setTimeout(look, heldMs);
    },
    [Symbol.dispose]() {
      isClosed = true;
      clearTimeout(timer);
    },
  };
}
