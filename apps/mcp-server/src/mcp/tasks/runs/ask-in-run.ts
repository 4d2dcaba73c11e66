import { type AnsweredBy, AppError, defaultQuestionMs, type NewId, type TaskAnswer } from "@devmesh/models";
import type { TaskWaiters } from "@devmesh/runtime";
import type { TaskEngine } from "@devmesh/tasks";
import type { ReadTaskDeps } from "../read-task.ts";
import { type RunAnswers, type RunAsks, writeRunQuestion } from "../run-question.ts";
import type { HeldRun } from "./held-run.ts";
import type { RunCaller } from "./run-callers.ts";

export interface AskDeps {
  readonly engine: Pick<TaskEngine, "perform">;
  readonly taskReads: ReadTaskDeps["taskReads"];
  readonly waiters: Pick<TaskWaiters, "watch">;
  readonly newId: NewId;
}

/** The waiters look at the database by themselves as often as they must. */
const idleMs = 60_000;

/** The `ask` of a run. */
export interface Asking {
  ask(asks: RunAsks): Promise<RunAnswers>;
  /** The task waits for a person. */
  readonly isWaiting: boolean;
}

/** What has been answered, for whom it is asked, and until when. */
interface AskingFor {
  /** Of earlier tries. */
  readonly answers: readonly TaskAnswer[];
  readonly caller: Pick<RunCaller, "look">;
  readonly signal: AbortSignal;
}

/** Makes the `ask` of a run: its questions are asked on the ledger, one after the other. */
export function createAsk(deps: AskDeps, held: HeldRun, { answers, caller, signal }: AskingFor): Asking {
  let asked = 0;
  let isWaiting = false;

  async function ask(asks: RunAsks): Promise<RunAnswers> {
    const { question, schema } = writeRunQuestion(asks);
    const earlier = answers[asked];
    asked += 1;
    if (earlier?.question === question && isAnswered(earlier)) return earlier.answer as RunAnswers;
    const id = deps.newId();
    using watch = deps.waiters.watch(held);
    await say(deps, held, { id, question, schema });
    isWaiting = true;
    while (!signal.aborted) {
      const answer = await findAnswer(deps, held, id);
      if (answer !== undefined) {
        isWaiting = false;
        // people take their time: on whose behalf it goes on is looked at anew
        await caller.look(signal);
        return answer.answer as RunAnswers;
      }
      await watch.changed(idleMs, signal);
    }
    throw new AppError("cancelled", "the task has ended before it was answered");
  }

  return {
    ask,
    get isWaiting() {
      return isWaiting;
    },
  };
}

/** False for what stands in for an answer that nobody gave. */
function isAnswered({ answeredBy }: { readonly answeredBy: AnsweredBy }): boolean {
  return answeredBy.kind !== "default";
}

async function say(
  { engine, newId }: AskDeps,
  { tenantId, assignmentId, agentId, fence }: HeldRun,
  asked: { readonly id: string; readonly question: string; readonly schema: object },
): Promise<void> {
  const limits = { timeoutMs: defaultQuestionMs, onTimeout: "fail" } as const;
  const word = { kind: "ask", ...asked, ...limits, requestId: newId() } as const;
  const outcome = await engine.perform({ tenantId, assignmentId, agentId, fence, word });
  if (outcome.kind === "refused") throw outcome.error;
}

async function findAnswer(
  { taskReads }: AskDeps,
  { tenantId, taskId }: HeldRun,
  questionId: string,
): Promise<TaskAnswer | undefined> {
  const [task] = await taskReads.get(tenantId, [taskId], "whole");
  return task?.answers?.find((answer) => answer.questionId === questionId);
}
