import {
  AppError,
  type AssignmentScope,
  assert,
  type ClaimedTask,
  defaultMaxDepth,
  maxBatchTasks,
  type NewId,
  type NodeId,
  type RedriveOrder,
  type Task,
} from "@devmesh/models";
import {
  type Announcing,
  announceClaimants,
  announceMail,
  announceSettled,
  announceSubmitted,
  announceTaken,
} from "./announce.ts";
import { type Assigner, createAssigner } from "./assignment/assigner.ts";
import { type BatchWriter, createBatchWriter } from "./batch-writer.ts";
import type { ClaimAsked } from "./claim/check-claim.ts";
import { createClaimer } from "./claim/claimer.ts";
import { createLanes } from "./lanes.ts";
import { createResumer, type Resumer } from "./life/resumer.ts";
import { settle } from "./life/settle.ts";
import type { AgentOperation, MeshOperation, MeshWord, Operation, Outcome } from "./operation.ts";
import { checksOf, type OutputSchemas } from "./output-schema/output-schemas.ts";
import { answerTask, type GivenAnswer } from "./question/answer-task.ts";
import { checkQuestion } from "./question/check-question.ts";
import type { AgentSlotRef, ClaimableScope, EngineHints, LedgerStore, TaskRef } from "./store.ts";
import { type Submission, type SubmitResult, type Submitted, submit } from "./submission/submit.ts";
import { type SubmitContext, submitAll } from "./submission/submit-all.ts";

/** The task engine of one process: everything that changes a task goes through it. */
export interface TaskEngine extends AsyncDisposable {
  /**
   * Submits one task; resolves after the commit. An assignment is tried at once, but not waited for.
   *
   * @throws AppError `invalid_argument`; `conflict`, reason `idempotency_key_reused`; `unavailable`; for a delegation
   * also `not_found`, `conflict` with reason `stale_assignment`, and `failed_precondition`, past the depth with reason
   * `depth_limit`.
   */
  submit(context: SubmitContext, submission: unknown): Promise<{ readonly task: Task; readonly isReplay: boolean }>;
  /** Submits 1–500 tasks in one transaction; each has its own result, in order, and a bad one stops no other. */
  submitBatch(
    context: SubmitContext,
    submissions: readonly unknown[],
  ): Promise<{ readonly results: readonly SubmitResult[]; readonly isReplay: boolean }>;
  /**
   * Carries out what an agent says about an assignment; resolves after the commit.
   *
   * @throws AppError `invalid_argument` for a question that can never be asked.
   */
  perform(operation: AgentOperation): Promise<Outcome>;
  /**
   * Answers the pending question of a task; resolves after the commit. Of two answers at once one is refused.
   *
   * @throws AppError `invalid_argument` for an answer that can't be kept.
   */
  answer(ref: TaskRef, answer: GivenAnswer): Promise<Outcome>;
  /** Cancels a task and all that was delegated from it. A final task stays as it is. */
  cancel(ref: TaskRef, reason: string): Promise<Outcome>;
  /** Puts a failed task back to the start with fresh attempts; past three redrives it must be forced. */
  redrive(ref: TaskRef, order?: RedriveOrder): Promise<Outcome>;
  /** Gives back what an agent holds, uncounted; with `offeredOnly` what it has not accepted yet. */
  release(slot: AgentSlotRef, how: { readonly offeredOnly: boolean; readonly reason: string }): Promise<void>;
  /**
   * Looks for tasks for agents that came free, and for agents for lanes that got tasks. Where an agent is known to claim
   * its tasks, all processes are told. Never waits.
   */
  requestAssignment(scope: AssignmentScope): void;
  /**
   * Gives queued tasks to a pull agent, which accepts them by asking; resolves after the commit, as soon as there is one,
   * and with none when the wait is over. Of a claim whose answer was lost the agent learns by the same key, or among what
   * it holds; else the leases end.
   *
   * @throws AppError `invalid_argument`; `not_found`; `failed_precondition`, reason `not_pull`, `paused`, `revoked`,
   * `draining` or `unavailable`; `resource_exhausted`, reason `busy` where it has no free slot, `waiting_claims` where too
   * many wait; `conflict`, reason `idempotency_key_reused`; `cancelled` where `signal` aborts, and then nothing was taken.
   */
  claim(asked: ClaimAsked): Promise<readonly ClaimedTask[]>;
  /**
   * Has claims looked at that wait here: something may wait in these lanes, in those of these limits, or for these agents.
   * Never waits.
   */
  wakeClaims(scope: ClaimableScope): void;
  /** How many claims of this process wait for a task, or may: those that do not are not counted. */
  readonly openClaims: number;
  /** Answers the claims that wait here at once, with nothing, and lets no later one wait: the process is about to end. */
  stopWaiting(): void;
  /** One round of what time brings: leases, accept windows, deadlines, scheduled tasks, what a dead process left. */
  sweep(): Promise<SweepRound>;
}

/** What a round of the sweep did, and when the next is due. */
export interface SweepRound {
  readonly nextDueInMs: number | undefined;
  readonly done: number;
  /** The database's time at its look. */
  readonly now: Date;
}

/** What the engine stands on; all of it is its caller's. */
export interface TaskEngineDeps {
  readonly store: LedgerStore;
  readonly hints: EngineHints;
  readonly outputSchemas: OutputSchemas;
  readonly newId: NewId;
  /** A number in [0, 1). */
  readonly random: () => number;
  /** Milliseconds of a clock, for caches and ages only; what is written uses the database's time. */
  readonly now: () => number;
  readonly leaseMs: number;
  readonly acceptMs: number;
  /** Whose agents' assignments are hinted with offers that would be too large for others. */
  readonly nodeId?: NodeId;
  /** How deep tasks may be delegated: 8 unless it is said otherwise. */
  readonly maxDepth?: number;
  /** Told of what failed in the background. */
  readonly onError: (error: unknown) => void;
}

/** Tasks of one commit; more make it slow to take back. Judgement, near what a round trip costs. */
const maxBatch = 500;
/** Where agents answer together; a word on its own waits for nobody. Measured: a third of the commits less at 50 slots. */
const frameLinger = { from: 8, maxMs: 10 };
/** Assignments that are given back at once when an agent leaves. */
const maxHeld = 1_000;
/** Due things handled in one transaction of the sweep. */
const sweepBatch = 500;

/** Makes the engine of a process; nothing runs until it is asked. */
export function createTaskEngine(deps: TaskEngineDeps): TaskEngine {
  const assigner = createAssigner({
    ...deps,
    onTaken(taken) {
      deps.hints.assigned(taken);
      announceTaken(taken, deps.hints);
    },
    onLeft({ unparked, ...left }) {
      claimer.wake(left);
      if (left.lanes.length + left.limits.length + unparked.length > 0)
        deps.hints.claimable({ ...left, agents: unparked });
    },
  });
  const claimer = createClaimer({
    ...deps,
    onTaken: (taken) => announceTaken(taken, deps.hints),
    onAgain: (scope) => assigner.request(scope),
  });
  const lanes = createLanes(deps.store, deps.now);
  const resumer = createResumer({ ...deps, onChanged: (changes) => announceMail(changes, deps.hints) });
  const announcing = { hints: deps.hints, assigner, resumer };
  const { submissions, frames, words } = createWriters(deps, announcing);
  const say = ({ tenantId, taskId }: TaskRef, word: MeshWord): Promise<Outcome> =>
    words.add({ tenantId, taskId, word });

  return {
    async submit(context, submission) {
      const { results, isReplay } = await submitAll({ deps, lanes, submissions }, context, [submission]);
      const [result] = results;
      assert(result !== undefined, "a submission has a result");
      if ("error" in result) throw new AppError(result.error.code, result.error.message, result.error);
      return { task: result.task, isReplay };
    },
    submitBatch(context, batch) {
      if (batch.length < 1 || batch.length > maxBatchTasks) {
        const message = `a batch of ${batch.length} tasks: it may hold 1 to ${maxBatchTasks}`;
        return Promise.reject(new AppError("invalid_argument", message, { details: [{ path: "tasks", message }] }));
      }
      return submitAll({ deps, lanes, submissions }, context, batch);
    },
    perform: (operation) => performValidated({ deps, frames }, operation),
    answer: (ref, given) =>
      answerTask(given, {
        say: (word) => say(ref, word),
        outputSchemas: checksOf(deps.outputSchemas, ref.tenantId),
      }),
    cancel: (ref, reason) => say(ref, { kind: "cancel", reason }),
    redrive: async (ref, order) => say(ref, { ...(await toRedrive(deps.store, ref)), order }),
    release: (slot, how) =>
      release(deps.store, { slot, ...how }, (ref) => say(ref, { kind: "release", agentId: slot.agentId, ...how })),
    requestAssignment(scope) {
      assigner.request(scope);
      announceClaimants(
        scope.agents.filter(({ delivery }) => delivery === "pull"),
        deps.hints,
      );
      // an agent may have more slots than it had
      resumer.request({ agents: scope.agents });
    },
    claim: (asked) => claimer.claim(asked),
    wakeClaims: (scope) => claimer.wake(scope),
    get openClaims() {
      return claimer.size;
    },
    stopWaiting: () => claimer.stopWaiting(),
    sweep: () => sweep(deps.store, { say, assigner, resumer }),
    async [Symbol.asyncDispose]() {
      await claimer[Symbol.asyncDispose]();
      await resumer[Symbol.asyncDispose]();
      await assigner[Symbol.asyncDispose]();
    },
  };
}

/** What gathers the writes of a process. */
interface Writers {
  readonly submissions: BatchWriter<Submission, Submitted | { readonly error: AppError }>;
  readonly frames: BatchWriter<AgentOperation, Outcome>;
  readonly words: BatchWriter<MeshOperation, Outcome>;
}

function createWriters(deps: TaskEngineDeps, announcing: Announcing): Writers {
  const { maxDepth = defaultMaxDepth } = deps;
  const submissions = createBatchWriter<Submission, Submitted | { readonly error: AppError }>({
    run: async (batch) => announceSubmitted(await submit(deps.store, batch, { maxDepth }), announcing),
    maxBatch,
    ownerOf: ({ tenantId }) => tenantId,
    concurrency: 2,
    maxWaiting: 5_000,
    weigh: ({ tasks }) => tasks.length,
  });
  const settleAndAnnounce = async (batch: readonly Operation[]): Promise<readonly Outcome[]> =>
    announceSettled(await settle(deps.store, batch, deps.random), announcing);
  const frames = createBatchWriter<AgentOperation, Outcome>({
    run: settleAndAnnounce,
    maxBatch,
    ownerOf: ({ tenantId }) => tenantId,
    keyOf: ({ assignmentId }) => assignmentId,
    linger: frameLinger,
    concurrency: 2,
    maxWaiting: 50_000,
  });
  const words = createBatchWriter<MeshOperation, Outcome>({
    run: settleAndAnnounce,
    maxBatch,
    ownerOf: ({ tenantId }) => tenantId,
    concurrency: 1,
    maxWaiting: 50_000,
  });
  return { submissions, frames, words };
}

/** Says a word; where something has to be validated first, validates it, and says an output again. */
async function performValidated(
  { deps, frames }: { readonly deps: TaskEngineDeps; readonly frames: BatchWriter<AgentOperation, Outcome> },
  operation: AgentOperation,
): Promise<Outcome> {
  const { tenantId } = operation;
  if (operation.word.kind === "ask") await checkQuestion(operation.word, checksOf(deps.outputSchemas, tenantId));
  const outcome = await frames.add(operation);
  if (outcome.kind !== "needs_validation" || operation.word.kind !== "complete") return outcome;
  const ref = { tenantId, taskId: outcome.taskId };
  const schema = (await deps.store.findOutputSchemas([ref])).get(outcome.taskId);
  const schemaProblems = await deps.outputSchemas.findProblems(schema, operation.word.output, tenantId);
  return frames.add({ ...operation, word: { ...operation.word, schemaProblems } });
}

async function toRedrive(store: LedgerStore, ref: TaskRef): Promise<Extract<MeshWord, { kind: "redrive" }>> {
  const open = await store.transaction([ref.tenantId], (tx) => tx.findOpenDependencies(ref));
  const [lostDependency] = [...open].find(([, state]) => state === "cancelled") ?? [];
  return { kind: "redrive", blocked: open.size > 0, lostDependency };
}

async function release(
  store: LedgerStore,
  { slot, offeredOnly }: { readonly slot: AgentSlotRef; readonly offeredOnly: boolean },
  sayRelease: (ref: TaskRef) => Promise<Outcome>,
): Promise<void> {
  for (let isMore = true; isMore; ) {
    const held = await store.transaction([slot.tenantId], (tx) => tx.findHeld(slot, { offeredOnly, limit: maxHeld }));
    await Promise.all(held.map(sayRelease));
    // an agent has at most 1,000 slots, but parents that gave theirs up come on top
    isMore = held.length === maxHeld;
  }
}

async function sweep(
  store: LedgerStore,
  {
    say,
    assigner,
    resumer,
  }: { say: (ref: TaskRef, word: MeshWord) => Promise<Outcome>; assigner: Assigner; resumer: Resumer },
): Promise<SweepRound> {
  const due = await store.findDue(sweepBatch);
  await Promise.all([
    ...due.assignments.map((ref) => say(ref, { kind: "check" })),
    ...due.tasks.map((ref) => say(ref, { kind: "wake" })),
  ]);
  assigner.request({ lanes: due.lanes, agents: [], budgets: due.budgets });
  resumer.request({ parents: due.parked });
  const done = due.assignments.length + due.tasks.length;
  const nextDueInMs =
    due.nextDueAt === undefined ? undefined : Math.max(0, due.nextDueAt.getTime() - due.now.getTime());
  // what was handled may be due again sooner: an accepted assignment is looked at next when its lease ends
  return { nextDueInMs: done > 0 ? 0 : nextDueInMs, done, now: due.now };
}
