import {
  AppError,
  type AskedQuestion,
  canonicalJson,
  isOpen,
  type LedgerAssignment,
  type LedgerEntry,
  maxQuestions,
  parseQuestion,
  timeoutOf,
} from "@devmesh/models";
import type { AgentWord } from "../operation.ts";
import { stopClock } from "./clock.ts";
import { type Circumstances, changed, type Decision, unchanged } from "./decision.ts";

type AskWord = Extract<AgentWord, { kind: "ask" }>;

/** The question that a waiting assignment waits for the answer to. */
export function pendingQuestion({ question, askedAt }: LedgerAssignment): AskedQuestion | undefined {
  return question === undefined || askedAt === undefined ? undefined : parseQuestion(question);
}

/** True for a frame that is sent again: of the pending question, or, by its own id, of one that has its answer. */
export function isAsked({ question, askedAt, state }: LedgerAssignment, word: AskWord): boolean {
  if (question === undefined || !isOpen(state)) return false;
  const asked = parseQuestion(question);
  return isSame(asked, word) && (askedAt !== undefined || asked.requestId === word.requestId);
}

/** The task waits for a person: lease and attempt's clock stand still, the slot stays taken. */
export function ask(
  entry: LedgerEntry & { readonly assignment: LedgerAssignment },
  { kind: _, ...question }: AskWord,
  at: Circumstances,
): Decision {
  if (entry.answerCount >= maxQuestions) {
    const message = `task ${entry.taskId} has asked ${entry.answerCount} questions, the limit is ${maxQuestions}`;
    return unchanged(entry, {
      kind: "refused",
      error: new AppError("failed_precondition", message, { reason: "too_many_questions" }),
    });
  }
  const { assignment } = entry;
  const after: LedgerEntry = {
    ...entry,
    state: "waiting",
    assignment: {
      ...stopClock(assignment, at.now),
      state: "waiting",
      question: JSON.stringify(question),
      askedAt: at.now,
      checkAt: timeoutOf(question, at.now),
    },
  };
  return changed(after, [{ type: "task.waiting", data: toEventData(assignment, question, at.now) }]);
}

function toEventData(
  { id, agentId, fence }: LedgerAssignment,
  asked: AskedQuestion,
  now: Date,
): Readonly<Record<string, unknown>> {
  const { id: questionId, question, onTimeout } = asked;
  const timeoutAt = timeoutOf(asked, now).toISOString();
  return { assignmentId: id, agentId, fence, questionId, question, timeoutAt, onTimeout };
}

function isSame(asked: AskedQuestion, word: AskWord): boolean {
  return toComparable(asked) === toComparable(word);
}

function toComparable(one: Omit<AskedQuestion, "id">): string {
  const { question, schema, timeoutMs, onTimeout, default: fallback } = one;
  return canonicalJson([question, schema ?? null, schema === undefined, timeoutMs, onTimeout, fallback ?? null]);
}
