import { isFinal, type LedgerChange, type TakenSlot } from "@devmesh/models";
import type { Assigner } from "./assignment/assigner.ts";
import { dueTimes, freedSlots, movedTo, parentsOf } from "./life/changes.ts";
import type { Resumer } from "./life/resumer.ts";
import type { Settled } from "./life/settle.ts";
import type { Outcome } from "./operation.ts";
import type { ClaimableScope, EngineHints, TaskRef } from "./store.ts";
import type { SubmittedTogether } from "./submission/submit.ts";

/** Who hears what a commit leads to. */
export interface Announcing {
  readonly hints: EngineHints;
  readonly assigner: Assigner;
  readonly resumer: Resumer;
}

/** Submissions were written: queued tasks look for agents, parents that yielded gave up slots. Gives the results. */
export function announceSubmitted(
  { results, changes, freed, slots }: SubmittedTogether,
  { hints, assigner, resumer }: Announcing,
): SubmittedTogether["results"] {
  if (changes.length > 0) assigner.request({ lanes: [], agents: freedSlots(changes), ...freed });
  announceClaimants(slots.claiming, hints);
  announceDue(dueTimes(changes), hints);
  resumer.request({ parents: results.flatMap(waitsForNobody), agents: slots.waiting });
  const created = results.flatMap((result) => ("created" in result ? result.created : []));
  if (created.length === 0) return results;
  assigner.request({ lanes: created.filter(({ state }) => state === "queued"), agents: [] });
  hints.changed(created.map(({ tenantId, id }) => ({ tenantId, taskId: id })));
  announceDue(
    created.map(({ wakeAt }) => wakeAt),
    hints,
  );
  return results;
}

/** The parent where the children that it has are final already, perhaps: those of a repeated submission, or born failed. */
function waitsForNobody(result: SubmittedTogether["results"][number]): readonly TaskRef[] {
  if ("error" in result || result.parent === undefined) return [];
  return result.created.every(({ state }) => isFinal(state)) ? [result.parent] : [];
}

/** Operations were settled: slots, limits and parents may go on, agents have mail. Gives the outcomes. */
export function announceSettled(
  { outcomes, changes, freed, slots }: Settled,
  { hints, assigner, resumer }: Announcing,
): readonly Outcome[] {
  if (changes.length === 0) return outcomes;
  const queued = movedTo(changes, "queued");
  const lanes =
    queued.length === 0 ? [] : changes.filter(({ after }) => after.state === "queued").map(({ after }) => after);
  assigner.request({ lanes, agents: freedSlots(changes), ...freed });
  hints.changed(changes.filter(({ events }) => events.length > 0).map(({ after }) => after));
  announceClaimants(slots.claiming, hints);
  resumer.request({ parents: parentsOf(changes), agents: slots.waiting });
  announceMail(changes, hints);
  return outcomes;
}

/** Changes were written that put frames into mailboxes, or are due at other times than before. */
export function announceMail(changes: readonly LedgerChange[], hints: EngineHints): void {
  const mailed = changes.flatMap(({ after, notices }) =>
    notices.map(({ agentId }) => ({ tenantId: after.tenantId, agentId })),
  );
  if (mailed.length > 0) hints.mailed(mailed);
  announceDue(dueTimes(changes), hints);
}

/** Assignments were written: their tasks have new events, and times that the sweep has to know. */
export function announceTaken(taken: readonly TakenSlot[], hints: EngineHints): void {
  hints.changed(taken);
  announceDue(
    taken.map(({ checkAt }) => checkAt),
    hints,
  );
}

/** Agents that claim may have what they could not have before, wherever their claims wait. */
export function announceClaimants(agents: ClaimableScope["agents"], hints: Pick<EngineHints, "claimable">): void {
  if (agents.length > 0) hints.claimable({ lanes: [], limits: [], agents });
}

/** Something is due at these times. */
export function announceDue(times: readonly (Date | undefined)[], hints: EngineHints): void {
  const known = times.filter((time) => time !== undefined);
  if (known.length > 0) hints.due(new Date(Math.min(...known.map((time) => time.getTime()))));
}
