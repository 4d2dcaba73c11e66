import type { Principal } from "@devmesh/auth";

/** What the ledger keeps of a call that runs as a task: enough for any node to carry it out. */
export interface RunInput {
  /** Which of the kinds of runs that every node knows. */
  readonly kind: string;
  /** Of that kind; JSON. */
  readonly arguments: unknown;
  /** On whose behalf. */
  readonly principal: Omit<Principal, "tenantId">;
}

/** The input of a task of the reserved type: nobody but {@link RunInput}'s writer submits one. */
export function readRunInput(input: unknown): RunInput {
  return input as RunInput;
}
