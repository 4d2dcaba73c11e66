import type { Principal } from "@devmesh/auth";
import {
  AppError,
  maxAnswerBytes,
  type Task,
  type TaskId,
  type TaskQuestion,
  type TenantId,
  utf8Bytes,
} from "@devmesh/models";
import type { ToolInputs } from "@devmesh/repositories";
import { assertOthersQuestion, type OutputSchemas, type TaskEngine } from "@devmesh/tasks";
import { type ElicitResult, isSpecType } from "@modelcontextprotocol/server";
import { openInputs } from "./input-requests.ts";
import { isToolRun } from "./mcp-task.ts";
import { readForm } from "./question-form.ts";
import { schemaOfAnswer } from "./run-question.ts";

/** What answering stands on. */
export interface AnswerDeps {
  readonly engine: Pick<TaskEngine, "answer">;
  readonly inputs: ToolInputs;
  readonly outputSchemas: Pick<OutputSchemas, "findProblems">;
  /** Tells that there are new events. Never waits. */
  readonly nudgeOutbox: () => void;
}

type Responses = Readonly<Record<string, unknown>>;

/**
 * Takes what a client answers to a waiting task. Keys that nobody waits for are passed over, and so is an answer that
 * came too late. A person who declines the question of an agent has not answered it: it stays, for others. A run is
 * given what was said, declining too, once it has all that it asked for.
 *
 * @throws AppError `invalid_argument` for a response that is none, or that does not match what was asked;
 * `permission_denied`, reason `own_question`, for the agent that asked.
 */
export async function answerInputs(
  deps: AnswerDeps,
  principal: Principal,
  task: Task,
  responses: Responses,
): Promise<void> {
  const { question } = task;
  if (question === undefined) return;
  if (isToolRun(task)) return answerRun(deps, principal, { ...task, question }, responses);
  const response = responses[question.id];
  if (response === undefined) return;
  assertOthersQuestion(principal.agentName, task);
  const form = readForm(question, toElicitResult(question.id, response));
  if (form !== undefined) await say(deps, principal, { taskId: task.id, question, answer: form.answer });
}

type Waiting = Task & { readonly question: TaskQuestion };

async function answerRun(deps: AnswerDeps, principal: Principal, task: Waiting, responses: Responses): Promise<void> {
  const { question, id: taskId } = task;
  const { tenantId } = principal;
  const asked = { tenantId, taskId, questionId: question.id };
  const before = await deps.inputs.find(asked);
  const open = openInputs(task, new Set(before.keys()));
  const texts = new Map<string, string>();
  for (const { key, name } of open) {
    const response = responses[key];
    if (response === undefined) continue;
    texts.set(name, await checkResponse(deps, question, { key, name, response, tenantId }));
  }
  // none is open where the last answers were kept and not passed on
  if (texts.size === 0 && open.length > 0) return;
  assertFits([...before.values()].map((response) => JSON.stringify(response)).concat(...texts.values()));
  const given = texts.size === 0 ? before : await deps.inputs.add(asked, texts);
  if (openInputs(task, new Set(given.keys())).length > 0) return;
  await say(deps, principal, { taskId, question, answer: Object.fromEntries(given) });
  await deps.inputs.forget(asked);
}

/** Together they become one answer. */
function assertFits(texts: readonly string[]): void {
  const bytes = texts.reduce((sum, text) => sum + utf8Bytes(text), 0);
  // names and braces take some, too
  const limit = maxAnswerBytes - 4_096;
  if (bytes <= limit) return;
  throw new AppError("invalid_argument", `inputResponses: answers of ${bytes} bytes exceed the limit of ${limit}`);
}

interface Response {
  readonly key: string;
  readonly name: string;
  readonly response: unknown;
  readonly tenantId: TenantId;
}

async function checkResponse(
  { outputSchemas }: Pick<AnswerDeps, "outputSchemas">,
  { schema }: TaskQuestion,
  { key, name, response, tenantId }: Response,
): Promise<string> {
  const text = JSON.stringify(toElicitResult(key, response));
  const problems = await outputSchemas.findProblems(schemaOfAnswer(schema, name), text, tenantId);
  if (problems.length === 0) return text;
  const details = problems.map(({ path, message }) => ({ path: `inputResponses.${key}${path}`, message }));
  throw new AppError("invalid_argument", `inputResponses.${key}: does not match what was asked for`, { details });
}

function toElicitResult(key: string, response: unknown): ElicitResult {
  if (isSpecType.ElicitResult(response)) return response as ElicitResult;
  throw new AppError("invalid_argument", `inputResponses.${key}: is no result of an elicitation`);
}

interface Answer {
  readonly taskId: TaskId;
  readonly question: TaskQuestion;
  readonly answer: unknown;
}

async function say(deps: AnswerDeps, principal: Principal, { taskId, question, answer }: Answer): Promise<void> {
  const { tenantId, kind, id } = principal;
  const ref: { tenantId: TenantId; taskId: TaskId } = { tenantId, taskId };
  const outcome = await deps.engine.answer(ref, { answer, questionId: question.id, answeredBy: { kind, id } });
  // somebody else was quicker, or the task has gone on: what was answered is no longer waited for
  if (outcome.kind === "refused" && outcome.error.code !== "failed_precondition") throw outcome.error;
  deps.nudgeOutbox();
}
