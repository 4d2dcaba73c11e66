import {
  type AnsweredBy,
  AppError,
  type AskedQuestion,
  type CancelNotice,
  type LedgerAssignment,
  type LedgerEntry,
  type MessageNotice,
  timeoutOf,
} from "@devmesh/models";
import type { MeshWord } from "../operation.ts";
import { pendingQuestion } from "./ask.ts";
import { idleCheckMs, startClock } from "./clock.ts";
import { type Circumstances, changed, type Decision, unchanged } from "./decision.ts";
import { closeAssignment, endTry, failForGood } from "./end-try.ts";

type AnswerWord = Extract<MeshWord, { kind: "answer" }>;
type Waiting = LedgerEntry & { readonly assignment: LedgerAssignment };

/** A person's answer: refused where the task waits for none, or where it does not match the question's schema. */
export function answer(entry: LedgerEntry, word: AnswerWord, at: Circumstances): Decision {
  const question = findPending(entry);
  if (question === undefined || !isWaiting(entry)) {
    const message = `task ${entry.taskId} is ${entry.state}: it waits for no answer`;
    return refused(entry, new AppError("failed_precondition", message));
  }
  if (word.questionId !== undefined && word.questionId !== question.id) {
    const message = `task ${entry.taskId} waits for the answer to another question, ${question.id}`;
    return refused(entry, new AppError("failed_precondition", message, { reason: "question_changed" }));
  }
  if (question.schema !== undefined && word.checked?.questionId !== question.id) {
    return unchanged(entry, { kind: "needs_check", question });
  }
  const problems = word.checked?.problems ?? [];
  if (problems.length > 0) return refused(entry, notMatching(problems));
  return giveAnswer(entry, { question, answer: word.answer, answeredBy: word.answeredBy }, at);
}

/** The look of the sweep at a waiting task: past the question's time what the task chose for that, else later again. */
export function checkQuestion(entry: LedgerEntry, assignment: LedgerAssignment, at: Circumstances): Decision {
  const question = pendingQuestion(assignment);
  const until = timeoutOf(question ?? { timeoutMs: idleCheckMs }, assignment.askedAt ?? at.now);
  if (question === undefined || until > at.now) {
    return changed({ ...entry, assignment: { ...assignment, checkAt: until } }, []);
  }
  if (question.onTimeout === "default") {
    const given = JSON.stringify(question.default ?? null);
    return giveAnswer({ ...entry, assignment }, { question, answer: given, answeredBy: { kind: "default" } }, at);
  }
  const message = `nobody answered within ${question.timeoutMs} ms`;
  const decision = question.onTimeout === "fail" ? fail(entry, message, at) : requeue(entry, message, at);
  return { ...decision, notices: [toCancelNotice(assignment)] };
}

interface Given {
  readonly question: AskedQuestion;
  /** JSON text. */
  readonly answer: string;
  readonly answeredBy: AnsweredBy;
}

function giveAnswer(entry: Waiting, { question, answer: given, answeredBy }: Given, at: Circumstances): Decision {
  const { assignment } = entry;
  const { id: assignmentId, agentId, fence } = assignment;
  const answered = { ...assignment, state: "running", askedAt: undefined } as const;
  const after: LedgerEntry = {
    ...entry,
    state: "running",
    answerCount: entry.answerCount + 1,
    assignment: startClock(answered, at.now),
  };
  const about = { assignmentId, agentId, fence, questionId: question.id, answeredBy };
  const message: MessageNotice = {
    kind: "message",
    agentId,
    assignmentId,
    messageId: question.id,
    messageKind: "task.answer",
    content: `{"taskId":${JSON.stringify(entry.taskId)},"assignmentId":"${assignmentId}","answer":${given}}`,
    sentAt: at.now,
  };
  return changed(after, [{ type: "task.answered", data: about }], {
    answers: [{ questionId: question.id, assignmentId, question: question.question, answer: given, answeredBy }],
    notices: [message],
  });
}

/** A counted try, so that a question that is asked again and never answered ends as well. */
function requeue(entry: LedgerEntry, message: string, at: Circumstances): Decision {
  return endTry(
    entry,
    {
      state: "timed_out",
      event: { type: "task.attempt_failed", data: { ...aboutOf(entry), class: "retryable", message } },
      reason: message,
      counted: true,
      again: "at_once",
      failureClass: "retryable",
    },
    at,
  );
}

function fail(entry: LedgerEntry, message: string, at: Circumstances): Decision {
  const ended = { ...closeAssignment(entry, "timed_out", message), counted: entry.counted + 1, uncounted: 0 };
  return failForGood(ended, { class: "input_timeout", message }, at, [
    { type: "task.attempt_failed", data: { ...aboutOf(entry), class: "permanent", message } },
  ]);
}

function findPending({ state, assignment }: LedgerEntry): AskedQuestion | undefined {
  return state === "waiting" && assignment !== undefined ? pendingQuestion(assignment) : undefined;
}

function isWaiting(entry: LedgerEntry): entry is Waiting {
  return entry.assignment?.state === "waiting";
}

function notMatching(details: readonly unknown[]): AppError {
  const message = "the answer does not match the schema of the question";
  return new AppError("invalid_argument", message, { reason: "answer_schema", details });
}

function refused(entry: LedgerEntry, error: AppError): Decision {
  return unchanged(entry, { kind: "refused", error });
}

function toCancelNotice({ id: assignmentId, agentId, fence }: LedgerAssignment): CancelNotice {
  return { kind: "cancel", agentId, assignmentId, fence, reason: "input_timeout" };
}

function aboutOf({ assignment }: LedgerEntry): Readonly<Record<string, unknown>> {
  return { assignmentId: assignment?.id, agentId: assignment?.agentId, fence: assignment?.fence };
}
