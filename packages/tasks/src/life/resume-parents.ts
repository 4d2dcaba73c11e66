import {
  type AgentId,
  assert,
  type ChildResult,
  isOpen,
  type LedgerAssignment,
  type LedgerChange,
  type LedgerEntry,
  type MessageNotice,
  type NewId,
  type TaskId,
} from "@devmesh/models";
import type { LedgerStore, LedgerTx, ResumeAsked } from "../store.ts";
import { settleCaps } from "./settle-caps.ts";
import { awaitSlot, takeSlotAgain } from "./yield-slot.ts";

type Parked = LedgerEntry & { readonly assignment: LedgerAssignment };

/** What a locked parent that gave up its slot is to do. */
export interface ResumePlan {
  /** They take a slot and go on. */
  readonly resuming: readonly Parked[];
  /** Their children are final, and no slot is free. */
  readonly awaiting: readonly Parked[];
}

/**
 * Lets parents whose children are all final go on: they take a slot of their agent and are told what became of the
 * children; where none is free they await one. Nobody is waited for, and no slot above the agent's limit is taken.
 */
export async function resumeParents(
  store: LedgerStore,
  asked: ResumeAsked,
  newId: NewId,
): Promise<readonly LedgerChange[]> {
  const tenants = [...new Set([...asked.parents, ...asked.agents].map(({ tenantId }) => tenantId))];
  return store.transaction(tenants, async (tx) => {
    const found = await tx.findResumable(asked);
    if (found.length === 0) return [];
    const parked = (await tx.lockByTask(found)).filter(isParked);
    if (parked.length === 0) return [];
    const slots = parked.map(({ tenantId, assignment: { agentId } }) => ({ tenantId, agentId }));
    // looked at again under the locks: a child may have come, and a slot gone
    const capped = parked.filter(({ assignment }) => assignment.isCapped).map(({ assignment }) => assignment.id);
    const [open, , free] = await Promise.all([
      tx.findOpenParents(parked),
      capped.length === 0 ? undefined : tx.lockLimitsOf(capped),
      tx.lockFreeSlots(slots),
    ]);
    const changes = await toChanges(tx, planResume(parked, { open, free }), newId);
    if (changes.length > 0) await settleCaps(tx).tx.write(changes);
    return changes;
  });
}

/** Gives the free slots of each agent to the assignments that were made first. */
export function planResume(
  parked: readonly Parked[],
  { open, free }: { readonly open: ReadonlySet<TaskId>; readonly free: ReadonlyMap<AgentId, number> },
): ResumePlan {
  const left = new Map(free);
  const ready = parked
    .filter(({ taskId, assignment: { slot } }) => slot === "awaited" || !open.has(taskId))
    .sort((a, b) => (a.assignment.id < b.assignment.id ? -1 : 1));
  const resuming = ready.filter(({ assignment: { agentId } }) => {
    const slots = left.get(agentId) ?? 0;
    left.set(agentId, slots - 1);
    return slots > 0;
  });
  const awaiting = ready.filter((one) => one.assignment.slot === "yielded" && !resuming.includes(one));
  return { resuming, awaiting };
}

async function toChanges(
  tx: LedgerTx,
  { resuming, awaiting }: ResumePlan,
  newId: NewId,
): Promise<readonly LedgerChange[]> {
  const children = resuming.length === 0 ? new Map<TaskId, readonly ChildResult[]>() : await tx.findChildren(resuming);
  const changes = [
    ...awaiting.map((entry) => toChange(entry, awaitSlot(entry, tx.now), [])),
    ...resuming.map((entry) => {
      const notice = toNotice(entry, { messageId: newId(), children: children.get(entry.taskId) ?? [], now: tx.now });
      return toChange(entry, takeSlotAgain(entry, tx.now), [notice]);
    }),
  ];
  return changes.sort((a, b) => (a.before.taskId < b.before.taskId ? -1 : 1));
}

function toChange(before: LedgerEntry, after: LedgerEntry, notices: readonly MessageNotice[]): LedgerChange {
  return { before, after, events: [], result: undefined, notices, excluded: undefined };
}

function toNotice(
  { taskId, assignment: { id: assignmentId, agentId } }: Parked,
  {
    messageId,
    children,
    now,
  }: { readonly messageId: string; readonly children: readonly ChildResult[]; readonly now: Date },
): MessageNotice {
  const content = `{"taskId":"${taskId}","assignmentId":"${assignmentId}","children":[${children.map(toText).join(",")}]}`;
  return { kind: "message", agentId, assignmentId, messageId, messageKind: "task.children", content, sentAt: now };
}

/** Outputs and errors are JSON texts, and stay as they were written. */
function toText({ output, error, ...child }: ChildResult): string {
  const fields = [
    JSON.stringify(child).slice(1, -1),
    ...(output === undefined ? [] : [`"output":${output}`]),
    ...(error === undefined ? [] : [`"error":${error}`]),
  ];
  return `{${fields.join(",")}}`;
}

function isParked(entry: LedgerEntry): entry is Parked {
  const { assignment } = entry;
  if (assignment === undefined || !isOpen(assignment.state)) return false;
  assert(entry.holdsCurrentAssignment, `the open assignment ${assignment.id} is not the latest of its task`);
  return assignment.slot !== "held";
}
