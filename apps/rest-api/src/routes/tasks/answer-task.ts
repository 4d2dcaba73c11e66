import { parseWith } from "@devmesh/models";
import { assertOthersQuestion, getTask, type TaskRef, type TaskViewReads } from "@devmesh/tasks";
import { z } from "@hono/zod-openapi";
import { defineRoute, type Route } from "../../http/route.ts";
import { idParams, taskExample, taskSchema } from "../../schemas/task-schema.ts";
import { taskIdOf } from "../../task-view.ts";
import type { RouteDeps } from "../route-deps.ts";
import { assertRecorded } from "./assert-recorded.ts";
import { maxBodyBytes } from "./submit-task.ts";

// what is parsed is passed on by reference, so that users' JSON comes through as it is
const answerSchema = z
  .object({
    answer: z
      .unknown()
      .refine((value) => value !== undefined, "is required, and may be null")
      .openapi({ description: "Any JSON of at most 64 KiB that matches the question's schema." }),
    questionId: z
      .uuid()
      .optional()
      .openapi({ description: "The question that is meant: another one that is pending by now is not answered." }),
  })
  .meta({ id: "TaskAnswerBody" });

/** `POST /tasks/{id}/answer` */
export function answerTask({ engine, reads, nudgeOutbox }: Pick<RouteDeps, "engine" | "reads" | "nudgeOutbox">): Route {
  return defineRoute({
    method: "post",
    path: "/tasks/{id}/answer",
    operationId: "answerTask",
    tag: "Tasks",
    summary: "Answer the question that a task waits for",
    description:
      "The answer goes to the agent, and the task runs on. One that does not match the question's schema is " +
      "`invalid_argument`, reason `answer_schema`, with the validator's words in `details`, and the task goes on " +
      "waiting. A task that waits for no answer is `failed_precondition`; so is the second of two answers at once, and, " +
      "reason `question_changed`, an answer to a question that is not pending any more. A key that is bound to the agent " +
      "that asked is `permission_denied`, reason `own_question`.",
    scope: "tasks:write",
    params: idParams,
    body: { schema: answerSchema, example: { answer: { approved: true } }, maxBytes: maxBodyBytes },
    success: {
      status: 200,
      description: "The task as it is now.",
      data: taskSchema,
      example: { ...taskExample, state: "running" },
    },
    errors: ["not_found", "conflict", "failed_precondition"],
    async handle({ principal: { tenantId, id, kind, agentName }, params, body }) {
      const { answer, questionId: meant } = parseWith(answerSchema, body);
      const ref = { tenantId, taskId: taskIdOf(params) };
      const asked = agentName === undefined ? undefined : await findOthersQuestion(reads, ref, agentName);
      const questionId = meant ?? asked;
      assertRecorded(await engine.answer(ref, { answer, questionId, answeredBy: { kind, id } }));
      nudgeOutbox();
      return { data: await getTask(reads, ref) };
    },
  });
}

/** For a key that is bound to an agent: the answer is to the question that was looked at. */
async function findOthersQuestion(reads: TaskViewReads, ref: TaskRef, agentName: string): Promise<string | undefined> {
  const task = await getTask(reads, ref);
  assertOthersQuestion(agentName, task);
  return task.question?.id;
}
