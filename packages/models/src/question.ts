import type { ApiKeyId, AssignmentId, TaskId } from "./ids.ts";
import type { AgentRef } from "./task.ts";

/** What becomes of a task whose question nobody answered in time. */
export const onTimeoutActions = ["fail", "requeue", "default"] as const;

/** One of {@link onTimeoutActions}. */
export type OnTimeoutAction = (typeof onTimeoutActions)[number];

/** How long a question waits where its asker says nothing: 24 h. */
export const defaultQuestionMs = 86_400_000;
/** Questions of one task: their answers go with every later assignment, which must fit into one message. Judgement. */
export const maxQuestions = 50;
/** An answer, or a default, as JSON text; see {@link maxQuestions}. Judgement. */
export const maxAnswerBytes = 65_536;

/** A question to a person, as its assignment keeps it: as JSON text, with the users' JSON inside as it came. */
export interface AskedQuestion {
  /** Also the id of the message that brings the answer. */
  readonly id: string;
  /** The `id` of the frame: with it a frame that is sent again is told from the same question asked anew. */
  readonly requestId: string;
  readonly question: string;
  /** JSON Schema of the answer; absent where any JSON will do. */
  readonly schema?: unknown;
  /** From when it was asked. */
  readonly timeoutMs: number;
  readonly onTimeout: OnTimeoutAction;
  /** The answer where nobody gives one; may be null. */
  readonly default?: unknown;
}

/** A pending question, as people see it. */
export interface TaskQuestion extends Omit<AskedQuestion, "requestId" | "timeoutMs"> {
  readonly askedAt: string;
  readonly timeoutAt: string;
}

/** Who answered: the holder of an API key, or nobody, so that the question's default became the answer. */
export type AnsweredBy = { readonly kind: "pat" | "agt" | "svc"; readonly id: ApiKeyId } | { readonly kind: "default" };

/** A question of a task and the answer to it. */
export interface TaskAnswer {
  readonly questionId: string;
  readonly assignmentId: AssignmentId;
  readonly question: string;
  readonly answer: unknown;
  readonly answeredBy: AnsweredBy;
  readonly answeredAt: string;
}

/** An answer to be written beside its task. */
export interface NewAnswer {
  readonly questionId: string;
  readonly assignmentId: AssignmentId;
  readonly question: string;
  /** JSON text. */
  readonly answer: string;
  readonly answeredBy: AnsweredBy;
}

/** The question that an assignment keeps. */
export function parseQuestion(text: string): AskedQuestion {
  return JSON.parse(text);
}

/** Until when a question that was asked then may be answered. */
export function timeoutOf({ timeoutMs }: Pick<AskedQuestion, "timeoutMs">, askedAt: Date): Date {
  return new Date(askedAt.getTime() + timeoutMs);
}

/** A task that waits for a person, with all that is needed to answer. */
export interface AttentionItem extends Omit<TaskQuestion, "id"> {
  readonly taskId: TaskId;
  readonly type: string;
  readonly title?: string;
  readonly labels: readonly string[];
  /** Who asks. */
  readonly agent: AgentRef;
  readonly assignmentId: AssignmentId;
  readonly questionId: string;
}
