import type { LedgerChange, NewId } from "@devmesh/models";
import { createBatchWriter } from "../batch-writer.ts";
import type { AgentSlotRef, LedgerStore, ResumeAsked, TaskRef } from "../store.ts";
import { resumeParents } from "./resume-parents.ts";

/** Lets parents go on in the background: what is asked for while one round is under way goes with the next. */
export interface Resumer extends AsyncDisposable {
  /** Asks for a look at parents of which a child became final, and at agents of which a slot came free. Never waits. */
  request(asked: Partial<ResumeAsked>): void;
}

/** What a resumer works with. */
export interface ResumerOptions {
  readonly store: LedgerStore;
  readonly newId: NewId;
  readonly onChanged: (changes: readonly LedgerChange[]) => void;
  /** A look that failed is not done again: the sweep finds what it left. */
  readonly onError: (error: unknown) => void;
}

/** Parents and agents in one round, and asks that may wait: beyond them the sweep has to look. */
const perRound = 200;
const maxAsked = 10_000;

/** Makes a resumer that is at rest until it is asked. */
export function createResumer({ store, newId, onChanged, onError }: ResumerOptions): Resumer {
  const looks = createBatchWriter<TaskRef | AgentSlotRef, void>({
    run: async (items) => {
      onChanged(await resumeParents(store, toAsked(items), newId));
      return items.map(() => undefined);
    },
    maxBatch: perRound,
    concurrency: 1,
    maxWaiting: maxAsked,
  });
  const underWay = new Set<Promise<void>>();
  let isClosed = false;

  return {
    request({ parents = [], agents = [] }) {
      if (isClosed) return;
      for (const item of [...parents, ...agents]) {
        const look = looks.add(item).catch(onError);
        underWay.add(look);
        void look.finally(() => underWay.delete(look));
      }
    },
    async [Symbol.asyncDispose]() {
      isClosed = true;
      await Promise.all(underWay);
    },
  };
}

/** Each once, however often it was asked for. */
function toAsked(items: readonly (TaskRef | AgentSlotRef)[]): ResumeAsked {
  const parents = new Map<string, TaskRef>();
  const agents = new Map<string, AgentSlotRef>();
  for (const item of items) {
    if ("taskId" in item) parents.set(item.taskId, { tenantId: item.tenantId, taskId: item.taskId });
    else agents.set(item.agentId, { tenantId: item.tenantId, agentId: item.agentId });
  }
  return { parents: [...parents.values()], agents: [...agents.values()] };
}
