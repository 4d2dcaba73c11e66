import { AppError, type AssignmentId, type AssignmentScope, type ClaimedTask, type TakenSlot } from "@devmesh/models";
import type { AssignOptions } from "../assignment/assign.ts";
import { createBatchWriter } from "../batch-writer.ts";
import type { LedgerStore } from "../store.ts";
import { hashBody } from "../submission/submit.ts";
import { type ClaimAsked, checkClaim, refuseClaimant } from "./check-claim.ts";
import { type ClaimFound, type ClaimLook, claimRound } from "./claim-round.ts";
import { type ClaimWait, createClaimWaits } from "./claim-waits.ts";
import { type ClaimWaker, createClaimWaker } from "./claim-waker.ts";

/** Carries out claims, and keeps those that wait. */
export interface Claimer extends Pick<ClaimWaker, "wake">, AsyncDisposable {
  claim(asked: ClaimAsked): Promise<readonly ClaimedTask[]>;
  /** How many claims wait, or may. */
  readonly size: number;
  /** Answers those that wait with what they have: nothing. Later claims do not wait. */
  stopWaiting(): void;
}

/** What a claimer works with. */
export interface ClaimerOptions extends Omit<AssignOptions, "claims"> {
  readonly store: LedgerStore;
  readonly random: () => number;
  readonly onTaken: (taken: readonly TakenSlot[]) => void;
  /** Where a round has left something for others. */
  readonly onAgain: (scope: AssignmentScope) => void;
  /** A look for whom to wake that failed is not done again: those who wait look by themselves. */
  readonly onError: (error: unknown) => void;
}

/** Claims in one transaction, and looks that may wait for one. */
const maxBatch = 50;
const maxLooks = 10_000;
/** Claims of a process that may wait at once. Judgement: each is an open request of some kilobytes. */
const waitBounds = { max: 5_000, maxPerTenant: 1_000 };
/** How soon one who waits looks without having been woken, in ms: a hint may be lost. */
const recheckMs = { min: 2_000, max: 5_000 };
/** How soon one looks again where a task was held by another transaction, and how often in a row. Judgement. */
const soonMs = 25;
const maxSoonInARow = 4;

/** Makes a claimer that is at rest until somebody claims. */
export function createClaimer(options: ClaimerOptions): Claimer {
  const { store } = options;
  const waits = createClaimWaits(waitBounds);
  const waker = createClaimWaker(options, waits);
  const underWay = new Set<Promise<unknown>>();
  const looks = createBatchWriter<ClaimLook, ClaimFound>({
    run: async (batch) => {
      const { found, taken, again } = await claimRound(store, batch, options);
      if (taken.length > 0) options.onTaken(taken);
      if (again.lanes.length > 0) options.onAgain(again);
      return found;
    },
    maxBatch,
    keyOf: ({ agentId }) => agentId,
    ownerOf: ({ tenantId }) => tenantId,
    concurrency: 2,
    maxWaiting: maxLooks,
  });

  async function look(asked: ClaimLook): Promise<{ readonly ids: readonly AssignmentId[]; readonly isSoon: boolean }> {
    assertWanted(asked.signal);
    const found = await looks.add(asked);
    if ("error" in found) throw found.error;
    return { ids: found.assignmentIds, isSoon: found.isSoon };
  }

  /** Looks until something was found, nobody wants it any more, or the time is over. */
  async function seek(asked: ClaimLook, untilMs: number, wait: ClaimWait): Promise<readonly AssignmentId[]> {
    for (let soon = 0; ; ) {
      const { ids, isSoon } = await look(asked);
      if (ids.length > 0) return ids;
      soon = isSoon ? soon + 1 : 0;
      const napMs = soon > 0 && soon <= maxSoonInARow ? soonMs : toNapMs(untilMs);
      if (napMs <= 0) return [];
      await wait.sleep(napMs, asked.signal);
    }
  }

  function toNapMs(untilMs: number): number {
    if (waits.isStopped) return 0;
    // scattered, so that those who wait do not all look at once
    const { min, max } = recheckMs;
    return Math.min(untilMs - options.now(), min + options.random() * (max - min));
  }

  async function claim(asked: ClaimAsked): Promise<readonly ClaimedTask[]> {
    const { tenantId, agentId, waitMs = 0 } = asked;
    const agent = { tenantId, agentId };
    const lookAsked = toLook(asked, options.leaseMs);
    const untilMs = options.now() + waitMs;
    // it waits from before its first look: what comes meanwhile wakes it
    using wait = waitMs === 0 ? waits.pass() : waits.open(agent);
    const refusal = refuseClaimant(await store.findClaimant(agent), agentId);
    if (refusal !== undefined && lookAsked.key === undefined) throw refusal;
    // what was given for the key before is given again, also where nothing more may be
    const ids = refusal === undefined ? await seek(lookAsked, untilMs, wait) : (await look(lookAsked)).ids;
    if (refusal !== undefined && ids.length === 0) throw refusal;
    return ids.length === 0 ? [] : store.findClaimed(agent, ids);
  }

  return {
    claim(asked) {
      const claiming = claim(asked);
      underWay.add(claiming);
      const done = (): boolean => underWay.delete(claiming);
      claiming.then(done, done);
      return claiming;
    },
    get size() {
      return waits.size;
    },
    wake: (scope) => waker.wake(scope),
    stopWaiting: () => waits.stop(),
    async [Symbol.asyncDispose]() {
      waits.stop();
      await Promise.allSettled(underWay);
      await waker[Symbol.asyncDispose]();
    },
  };
}

function toLook(asked: ClaimAsked, meshLeaseMs: number): ClaimLook {
  const { tenantId, agentId, max, principalId, idempotencyKey, signal } = asked;
  const leaseMs = checkClaim(asked, meshLeaseMs);
  const bodyHash = hashBody({ agentId, max, leaseMs: asked.leaseMs });
  const key = idempotencyKey === undefined ? undefined : { principalId, key: idempotencyKey, bodyHash };
  return { tenantId, agentId, max, leaseMs, signal, key };
}

function assertWanted(signal: AbortSignal): void {
  if (signal.aborted) throw new AppError("cancelled", "the claim was called off", { cause: signal.reason });
}
