import {
  AppError,
  assertStorableJson,
  type ClaimedTask,
  maxTaskJsonBytes,
  type NewId,
  reservedTaskType,
  toAppError,
  toStorable,
  utf8Bytes,
} from "@devmesh/models";
import type { Logger } from "@devmesh/observability";
import type { AgentWord } from "@devmesh/tasks";
import { type CallToolResult, ProtocolError } from "@modelcontextprotocol/server";
import { toFailedResult } from "../../tools/tool-result.ts";
import { writeJsonRpcFailure } from "../json-rpc-failure.ts";
import { type AskDeps, createAsk } from "./ask-in-run.ts";
import { whileDatabaseIsAway } from "./database-away.ts";
import { type HeldRun, type HoldDeps, holdRun } from "./held-run.ts";
import type { RunCaller, RunCallers } from "./run-callers.ts";
import { readRunInput } from "./run-input.ts";
import type { Run, RunKind } from "./run-kind.ts";

export interface CarryOutDeps extends AskDeps, HoldDeps {
  readonly kinds: ReadonlyMap<string, RunKind>;
  readonly callers: Pick<RunCallers, "open">;
  readonly nudgeOutbox: () => void;
  readonly newId: NewId;
  readonly logger: Logger;
}

/** How a run ended: `lost` where the task was not this node's any more, `left_waiting` where a person still has to answer. */
export type RunOutcome = "completed" | "tool_error" | "failed" | "given_back" | "left_waiting" | "lost";

/** How often at most the progress of a run is written. Judgement. */
const reportEveryMs = 1_000;

/**
 * Carries out a task of the reserved type and records what came of it. When `stopping` aborts the run is told to end,
 * and is given back where it may be carried out again. Never throws.
 */
export async function carryOut(
  deps: CarryOutDeps,
  held: HeldRun,
  { task, traceparent }: Pick<ClaimedTask, "task" | "traceparent">,
  stopping: AbortSignal,
): Promise<RunOutcome> {
  // what anybody may submit is no run, whoever's agent it fits
  if (task.type !== reservedTaskType) return (await record(deps, held, noRun, stopping)) ? "failed" : "lost";
  const { kind: name, principal: asked, arguments: given } = readRunInput(task.input);
  const kind = deps.kinds.get(name);
  if (kind === undefined) return (await record(deps, held, toUnknownKind(name), stopping)) ? "given_back" : "lost";
  using caller = deps.callers.open({
    taskId: task.id,
    principal: { ...asked, tenantId: held.tenantId },
    isAllowed: async (principal) => (await kind.isAllowed?.(principal, given)) ?? true,
  });
  const over = new AbortController();
  const lost = new AbortController();
  const holding = holdRun(deps, held, over.signal)
    .catch((err: unknown) => deps.logger.error({ err, taskId: task.id }, "a run was not held"))
    .then(() => lost.abort());
  const signal = AbortSignal.any([lost.signal, stopping]);
  const running = AbortSignal.any([signal, caller.signal]);
  const asking = createAsk(deps, held, { answers: task.answers ?? [], caller, signal: running });
  const run: Run = {
    taskId: task.id,
    get principal() {
      return caller.principal;
    },
    arguments: given,
    traceparent,
    signal: running,
    ask: (asks) => asking.ask(asks),
    report: createReport(deps, held),
  };
  const ended = await runOnce(kind, run, caller);
  const isLost = lost.signal.aborted;
  // the question stays, and its answer; another node goes on with it where it may be repeated
  const isLeft = stopping.aborted && asking.isWaiting;
  const { word, outcome } =
    "error" in ended
      ? toFailure(deps, ended.error, { stopping, caller, maxAttempts: task.maxAttempts })
      : toResult(ended.result);
  // the lease is kept until the end is recorded
  const isRecorded = !isLost && !isLeft && (await record(deps, held, word, signal));
  over.abort();
  await holding;
  if (isLeft && !isLost) return "left_waiting";
  return isRecorded ? outcome : "lost";
}

const noRun: AgentWord = { kind: "fail", class: "permanent", message: "is no run of a tool", usage: undefined };

/** What is said of a run's end, and how it is counted. */
interface Said {
  readonly word: AgentWord;
  readonly outcome: RunOutcome;
}

/** While versions change, another node may know it: this was no try. */
function toUnknownKind(name: string): AgentWord {
  const message = `the node knows no runs of kind ${name}`;
  return { kind: "fail", class: "rate_limited", message, retryAfterMs: unknownKindMs, usage: undefined };
}

/** How long a run is left alone that a node did not know. Judgement. */
const unknownKindMs = 5_000;

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

function toResult(result: CallToolResult): Said {
  const output = toKept({ ...result });
  const word = { kind: "complete", output: JSON.stringify(output), artifacts: undefined, usage: undefined } as const;
  return { word, outcome: output.isError === true ? "tool_error" : "completed" };
}

/** A result that the ledger can't keep is told as an error of the tool. */
function toKept(result: CallToolResult): CallToolResult {
  try {
    assertStorableJson(result);
    const bytes = utf8Bytes(JSON.stringify(result));
    if (bytes <= maxTaskJsonBytes) return result;
    return toToolError(`the result of ${bytes} bytes exceeds the limit of ${maxTaskJsonBytes}`);
  } catch (error) {
    return toToolError(toAppError(error).message);
  }
}

function toToolError(text: string): CallToolResult {
  return { content: [{ type: "text", text }], isError: true };
}

/** What a failure is judged by. */
interface Circumstances {
  readonly stopping: AbortSignal;
  readonly caller: Pick<RunCaller, "signal">;
  readonly maxAttempts: number;
}

/** What a tool refuses is a result, as it is in an answer; what is away may be there for another try. */
function toFailure({ logger }: CarryOutDeps, error: unknown, { stopping, caller, maxAttempts }: Circumstances): Said {
  const fail = { kind: "fail", usage: undefined } as const;
  if (caller.signal.aborted) {
    const { message } = toAppError(caller.signal.reason);
    return { word: { ...fail, class: "permanent", message }, outcome: "failed" };
  }
  if (stopping.aborted && maxAttempts > 1) {
    // another node may carry it out: this was no try
    const word = { ...fail, class: "rate_limited", message: "the node ended", retryAfterMs: 0 } as const;
    return { word, outcome: "given_back" };
  }
  if (!stopping.aborted && error instanceof AppError && error.code === "unavailable") {
    return { word: { ...fail, class: "retryable", message: error.message }, outcome: "given_back" };
  }
  if (!stopping.aborted && error instanceof AppError && error.code !== "internal")
    return toResult(toFailedResult(error));
  if (!(error instanceof ProtocolError)) logger.warn({ err: error }, "a run of a tool failed");
  const words = stopping.aborted ? "the node that ran the tool has ended" : writeJsonRpcFailure(error);
  const message = toStorable(words.slice(0, maxMessage));
  return { word: { ...fail, class: "permanent", message }, outcome: "failed" };
}

/** As messages of agents have it. */
const maxMessage = 16_000;

/**
 * Records the end of a run: again and again while the database is away, until `signal` says that there is no use in it. What
 * was done is not to be done again, or to be taken for failed, for that.
 */
async function record(
  { engine, nudgeOutbox, logger }: CarryOutDeps,
  { tenantId, assignmentId, agentId, fence }: HeldRun,
  word: AgentWord,
  signal: AbortSignal,
): Promise<boolean> {
  const about = { tenantId, assignmentId, agentId, fence, word };
  try {
    const outcome = await whileDatabaseIsAway(() => engine.perform(about), signal);
    nudgeOutbox();
    return outcome.kind === "recorded";
  } catch (err) {
    // the lease will end
    logger.warn({ err, assignmentId }, "the end of a run was not recorded");
    return false;
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
