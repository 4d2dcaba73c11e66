/** How much is measured. */
export interface Sizes {
  readonly rounds: number;
  readonly warmUp: number;
  readonly drain: number;
  /** Tasks a second of the open loop, and for how long each. */
  readonly rates: readonly number[];
  readonly pickupSeconds: number;
  readonly backlogs: readonly number[];
  /** Claims that are timed in one turn; no more than the smallest backlog holds. */
  readonly claims: number;
  readonly claimTurns: number;
  /** For counting commits, bytes and statements a task. */
  readonly costTasks: number;
  readonly idleAgents: number;
  readonly idleSeconds: number;
}

export const fullSizes: Sizes = {
  rounds: 3,
  warmUp: 2_000,
  drain: 20_000,
  rates: [50, 200, 1_000],
  pickupSeconds: 6,
  backlogs: [1_000, 100_000],
  claims: 900,
  claimTurns: 5,
  costTasks: 10_000,
  idleAgents: 500,
  idleSeconds: 60,
};

/** Shows that the harness works, in seconds; its figures mean nothing. */
export const quickSizes: Sizes = {
  rounds: 1,
  warmUp: 50,
  drain: 200,
  rates: [50],
  pickupSeconds: 2,
  backlogs: [100, 400],
  claims: 90,
  claimTurns: 1,
  costTasks: 200,
  idleAgents: 5,
  idleSeconds: 1,
};
