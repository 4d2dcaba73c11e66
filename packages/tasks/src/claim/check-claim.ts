import { type AgentId, type ApiKeyId, AppError, type TenantId } from "@devmesh/models";
import { maxLeaseMs } from "../life/decide-agent-word.ts";
import type { Claimant } from "../store.ts";

/** What a pull agent asks for: tasks, which it accepts by asking. */
export interface ClaimAsked {
  readonly tenantId: TenantId;
  readonly agentId: AgentId;
  /** Of 1 to 20 tasks; fewer are given where the agent has fewer free slots, or fewer wait. */
  readonly max: number;
  /** 1,000 to 3,600,000. Unless given that of the mesh, but 300,000 at least: a model thinks longer than a socket is silent. */
  readonly leaseMs?: number | undefined;
  /** 0 to 25,000: how long to wait for the first task. */
  readonly waitMs?: number | undefined;
  /** The API key that speaks: keys of idempotency belong to it. */
  readonly principalId: ApiKeyId;
  readonly idempotencyKey?: string | undefined;
  /** Aborted when nobody waits for the answer any more: nothing is taken after that. */
  readonly signal: AbortSignal;
}

/** The most tasks of one claim, and the longest wait for the first of them. */
export const maxClaimed = 20;
/** Below the time after which proxies commonly end a silent request: 30 s. */
export const maxClaimWaitMs = 25_000;
const minLeaseMs = 1_000;
/** A lease that nobody asked for. Judgement: models think for minutes. */
const defaultPullLeaseMs = 300_000;

/** Gives the lease. @throws AppError `invalid_argument` that names each field that is out of bounds. */
export function checkClaim(asked: ClaimAsked, meshLeaseMs: number): number {
  const { max, leaseMs = Math.max(meshLeaseMs, defaultPullLeaseMs), waitMs = 0, idempotencyKey } = asked;
  const problems = [
    ...outside("max", max, [1, maxClaimed]),
    ...outside("leaseMs", leaseMs, [minLeaseMs, maxLeaseMs]),
    ...outside("waitMs", waitMs, [0, maxClaimWaitMs]),
    ...(idempotencyKey === undefined ? [] : outside("idempotencyKey", idempotencyKey.length, [1, 255], "characters")),
  ];
  const [first] = problems;
  if (first === undefined) return leaseMs;
  throw new AppError("invalid_argument", `${first.path}: ${first.message}`, { details: problems });
}

function outside(
  path: string,
  value: number,
  [min, max]: readonly [number, number],
  unit = "",
): readonly { readonly path: string; readonly message: string }[] {
  if (Number.isInteger(value) && value >= min && value <= max) return [];
  return [
    { path, message: `must be a whole number from ${min} to ${max}${unit === "" ? "" : ` of ${unit}`}, not ${value}` },
  ];
}

/** Why an agent may not claim now; undefined where it may. */
export function refuseClaimant(claimant: Claimant | undefined, agentId: AgentId): AppError | undefined {
  if (claimant === undefined) return new AppError("not_found", `no agent ${agentId}`);
  const { isPull, admin, availability, freeSlots, maxConcurrency } = claimant;
  const refuse = (reason: string, message: string): AppError =>
    new AppError("failed_precondition", message, { reason });
  if (admin === "revoked") return refuse("revoked", "the agent was revoked");
  if (!isPull) return refuse("not_pull", "the agent gets its tasks over a connection: it does not claim them");
  if (admin === "paused") return refuse("paused", "the agent was paused by an operator");
  if (availability === "draining")
    return refuse("draining", "the agent says that it drains: it takes no tasks until it is available");
  if (availability === "busy")
    return refuse("unavailable", "the agent says that it is busy: it takes no tasks until it is available");
  if (freeSlots > 0) return undefined;
  const message = `the agent holds ${maxConcurrency - freeSlots} of the ${maxConcurrency} tasks that it may: finish or release one first`;
  return new AppError("resource_exhausted", message, { reason: "busy" });
}
