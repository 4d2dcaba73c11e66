import { AppError, type ClaimedTask, type NewId, reservedTaskType, toStorable } from "@devmesh/models";
import type { Logger } from "@devmesh/observability";
import type { CallToolResult } from "@modelcontextprotocol/server";
import { type AskDeps, createAsk } from "./ask-in-run.ts";
import { whileDatabaseIsAway } from "./database-away.ts";
import { type HeldRun, type HoldDeps, startHolding } from "./held-run.ts";
import type { RunCaller, RunCallers } from "./run-callers.ts";
import { noRun, type RunEnd, type RunOutcome, toCompleted, toFailed, unknownKind } from "./run-end.ts";
import { type RunInput, readRunInput } from "./run-input.ts";
import type { Run, RunKind } from "./run-kind.ts";

export interface CarryOutDeps extends AskDeps, HoldDeps {
  readonly kinds: ReadonlyMap<string, RunKind>;
  readonly callers: Pick<RunCallers, "open">;
  readonly nudgeOutbox: () => void;
  readonly newId: NewId;
  readonly logger: Logger;
}

/** How often at most the progress of a run is written. Judgement. */
const reportEveryMs = 1_000;

/**
 * Carries out a task of the reserved type and records what came of it. When `stopping` aborts the run is told to end,
 * and is given back where it may be carried out again. Never throws.
 */
export async function carryOut(
  deps: CarryOutDeps,
  held: HeldRun,
  claimed: Pick<ClaimedTask, "task" | "traceparent">,
  stopping: AbortSignal,
): Promise<RunOutcome> {
  const { task } = claimed;
  if (task.type !== reservedTaskType) return endAs(deps, held, noRun, stopping);
  const input = readRunInput(task.input);
  const kind = deps.kinds.get(input.kind);
  if (kind === undefined) return endAs(deps, held, unknownKind(input.kind), stopping);
  return carryOutKind(deps, held, { ...claimed, input, kind }, stopping);
}

interface Known extends Pick<ClaimedTask, "task" | "traceparent"> {
  readonly input: RunInput;
  readonly kind: RunKind;
}

async function carryOutKind(
  deps: CarryOutDeps,
  held: HeldRun,
  { task, traceparent, input, kind }: Known,
  stopping: AbortSignal,
): Promise<RunOutcome> {
  const { arguments: given } = input;
  using caller = deps.callers.open({
    taskId: task.id,
    principal: { ...input.principal, tenantId: held.tenantId },
    isAllowed: async (principal) => (await kind.isAllowed?.(principal, given)) ?? true,
  });
  await using lease = startHolding(deps, held);
  const wanted = AbortSignal.any([lease.lost, stopping]);
  const signal = AbortSignal.any([wanted, caller.signal]);
  const asking = createAsk(deps, held, { answers: task.answers ?? [], caller, signal });
  const run: Run = {
    taskId: task.id,
    get principal() {
      return caller.principal;
    },
    arguments: given,
    traceparent,
    signal,
    ask: (asks) => asking.ask(asks),
    report: createReport(deps, held),
  };
  const ended = await runOnce(kind, run, caller);
  if (lease.lost.aborted) return "lost";
  // the question stays, and its answer; another node goes on with it where it may be repeated
  if (stopping.aborted && asking.isWaiting) return "left_waiting";
  const about = { stopping, caller: caller.signal, maxAttempts: task.maxAttempts, logger: deps.logger };
  const end = "error" in ended ? toFailed(ended.error, about) : toCompleted(ended.result);
  // awaited: the lease is kept until the end is recorded
  return await endAs(deps, held, end, wanted);
}

type Ended = { readonly result: CallToolResult } | { readonly error: unknown };

/** A run that does not end when it is told to is left behind: what it says later nobody hears. */
async function runOnce(kind: RunKind, run: Run, caller: RunCaller): Promise<Ended> {
  const { signal } = run;
  const aborted = Promise.withResolvers<Ended>();
  const giveUp = (): void => aborted.resolve({ error: new AppError("cancelled", "the run was told to end") });
  if (signal.aborted) giveUp();
  else signal.addEventListener("abort", giveUp, { once: true });
  try {
    const running = runFor(kind, run, caller).then(
      (result): Ended => ({ result }),
      (error: unknown): Ended => ({ error }),
    );
    return await Promise.race([running, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", giveUp);
  }
}

/** Begins once it is known on whose behalf it still may. */
async function runFor(kind: RunKind, run: Run, caller: RunCaller): Promise<CallToolResult> {
  await caller.look(run.signal);
  return kind.run(run);
}

/**
 * Records the end of a run: again and again while the database is away, until `signal` says that there is no use in it. What
 * was done is not to be done again, or to be taken for failed, for that.
 */
async function endAs(
  { engine, nudgeOutbox, logger }: CarryOutDeps,
  { tenantId, assignmentId, agentId, fence }: HeldRun,
  { word, outcome }: RunEnd,
  signal: AbortSignal,
): Promise<RunOutcome> {
  const about = { tenantId, assignmentId, agentId, fence, word };
  try {
    const { kind } = await whileDatabaseIsAway(() => engine.perform(about), signal);
    nudgeOutbox();
    return kind === "recorded" ? outcome : "lost";
  } catch (err) {
    // the lease will end
    logger.warn({ err, assignmentId }, "the end of a run was not recorded");
    return "lost";
  }
}

function createReport({ engine }: CarryOutDeps, { tenantId, assignmentId, agentId, fence }: HeldRun): Run["report"] {
  let lastMs = Number.NEGATIVE_INFINITY;
  return (progress) => {
    const now = performance.now();
    if (now - lastMs < reportEveryMs) return;
    lastMs = now;
    const { note } = progress;
    const word = { kind: "progress", ...progress, ...(note !== undefined && { note: toStorable(note) }) } as const;
    // who loses one sees the next
    engine.perform({ tenantId, assignmentId, agentId, fence, word }).catch(() => undefined);
  };
}
