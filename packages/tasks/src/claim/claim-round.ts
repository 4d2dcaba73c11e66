import {
  type AgentId,
  AppError,
  type AssignmentId,
  type AssignmentScope,
  type IdempotencyClaim,
  type IdempotencyRecord,
  type TakenSlot,
} from "@devmesh/models";
import {
  type Assigned,
  type AssignOptions,
  assign,
  type ClaimsOfRound,
  type ClaimTerms,
} from "../assignment/assign.ts";
import type { AgentSlotRef, LedgerStore, LedgerTx } from "../store.ts";

/** One look of a claim. Of several of one agent in a round the first is served. */
export interface ClaimLook extends AgentSlotRef, ClaimTerms {
  readonly key: ClaimKey | undefined;
}

/** The key that makes a claim repeatable, and the hash of what was asked with it. */
export type ClaimKey = Pick<IdempotencyClaim, "principalId" | "key" | "bodyHash">;

/** What a look found: assignments, those of an earlier claim with the same key, or nothing. */
export type ClaimFound =
  | { readonly assignmentIds: readonly AssignmentId[]; readonly isSoon: boolean }
  /** The key was used for something else. */
  | { readonly error: AppError };

/** What a round of claims came to. */
export interface ClaimRound {
  /** In the order of the looks. */
  readonly found: readonly ClaimFound[];
  readonly taken: readonly TakenSlot[];
  /** Where something may be left for others. */
  readonly again: AssignmentScope;
}

/**
 * Gives queued tasks to agents that claim, all in one transaction: chosen, capped and written as those that are pushed,
 * and accepted by the same statement. A claim whose caller has gone takes nothing: what it was to get stays queued.
 */
export async function claimRound(
  store: LedgerStore,
  looks: readonly ClaimLook[],
  options: Omit<AssignOptions, "claims">,
): Promise<ClaimRound> {
  const known = await findKnown(store, looks);
  const byAgent = firstOfEach(looks.filter((look) => !known.has(look) && !look.signal.aborted));
  const { taken, again, held } = byAgent.size === 0 ? nothing : await assignClaimed(store, byAgent, options);
  const takenByAgent = Map.groupBy(taken, ({ agentId }) => agentId);
  const isSoon = again.lanes.length + held.length > 0;
  const found = looks.map((look): ClaimFound => {
    const replay = known.get(look);
    if (replay !== undefined) return replay;
    // another claim of the same agent goes first
    if (byAgent.get(look.agentId) !== look) return { assignmentIds: [], isSoon: true };
    return { assignmentIds: idsOf(takenByAgent.get(look.agentId)), isSoon };
  });
  return { found, taken, again };
}

const nothing: Pick<Assigned, "taken" | "again" | "held"> = { taken: [], again: { lanes: [], agents: [] }, held: [] };

function firstOfEach(looks: readonly ClaimLook[]): ReadonlyMap<AgentId, ClaimLook> {
  const byAgent = new Map<AgentId, ClaimLook>();
  for (const look of looks) if (!byAgent.has(look.agentId)) byAgent.set(look.agentId, look);
  return byAgent;
}

function assignClaimed(
  store: LedgerStore,
  byAgent: ReadonlyMap<AgentId, ClaimLook>,
  options: Omit<AssignOptions, "claims">,
): Promise<Assigned> {
  const agents = [...byAgent.values()].map(({ tenantId, agentId }) => ({ tenantId, agentId }));
  const settle: ClaimsOfRound["settle"] = (tx, taken) => keepKeys(tx, [...byAgent.values()], taken);
  return assign(store, { lanes: [], agents }, { ...options, claims: { byAgent, settle } });
}

const operation = "tasks.claim";

/** What looks with keys that were used before are answered with. One statement, where there are any. */
async function findKnown(store: LedgerStore, looks: readonly ClaimLook[]): Promise<ReadonlyMap<ClaimLook, ClaimFound>> {
  const keyed = looks.flatMap((look) => (look.key === undefined ? [] : [{ look, claim: toClaim(look, look.key, []) }]));
  if (keyed.length === 0) return new Map();
  const tenants = [...new Set(keyed.map(({ look }) => look.tenantId))];
  const records = await store.transaction(tenants, (tx) => tx.findKeys(keyed.map(({ claim }) => claim)));
  const recordsByKey = new Map(records.map((record) => [nameOf(record), record]));
  return new Map(
    keyed.flatMap(({ look, claim }) => {
      const record = recordsByKey.get(nameOf(claim));
      return record === undefined ? [] : [[look, toReplay(record, claim)] as const];
    }),
  );
}

function toReplay(record: IdempotencyRecord, { key, bodyHash }: IdempotencyClaim): ClaimFound {
  if (record.bodyHash === bodyHash) {
    return { assignmentIds: (record.response as { assignmentIds: AssignmentId[] }).assignmentIds, isSoon: false };
  }
  const message = `idempotency key ${JSON.stringify(key)} was used with another body`;
  return { error: new AppError("conflict", message, { reason: "idempotency_key_reused" }) };
}

/** A claim that got nothing leaves its key unused. Who claims with the same key elsewhere at the same time is waited for. */
async function keepKeys(tx: LedgerTx, looks: readonly ClaimLook[], taken: readonly TakenSlot[]): Promise<void> {
  const takenByAgent = Map.groupBy(taken, ({ agentId }) => agentId);
  const claims = looks.flatMap((look) => {
    const slots = takenByAgent.get(look.agentId);
    return look.key === undefined || slots === undefined ? [] : [toClaim(look, look.key, idsOf(slots))];
  });
  if (claims.length === 0 || (await tx.claimKeys(claims)).size === claims.length) return;
  throw new AppError("conflict", "a claim with the same key was quicker", { reason: "serialization" });
}

function toClaim({ tenantId }: ClaimLook, key: ClaimKey, assignmentIds: readonly AssignmentId[]): IdempotencyClaim {
  return { tenantId, ...key, operation, response: JSON.stringify({ assignmentIds }) };
}

function idsOf(taken: readonly TakenSlot[] = []): readonly AssignmentId[] {
  return taken.map(({ assignmentId }) => assignmentId);
}

function nameOf({ tenantId, principalId, key }: Pick<IdempotencyClaim, "tenantId" | "principalId" | "key">): string {
  return JSON.stringify([tenantId, principalId, key]);
}
