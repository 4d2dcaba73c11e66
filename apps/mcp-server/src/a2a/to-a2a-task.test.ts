import { Task as A2aTask, TaskState } from "@a2a-js/sdk";
import { type ApiKeyId, type AssignmentId, taskStates } from "@devmesh/models";
import { expect, test } from "vitest";
import { reviewTask } from "../../test/_a2a.ts";
import { toA2aState, toA2aTask } from "./to-a2a-task.ts";

const json = (...given: Parameters<typeof toA2aTask>): unknown => A2aTask.toJSON(toA2aTask(...given));

test("every state of the mesh is one of A2A", () => {
  expect(taskStates.map((state) => TaskState[toA2aState(state)])).toEqual([
    "TASK_STATE_SUBMITTED",
    "TASK_STATE_SUBMITTED",
    "TASK_STATE_SUBMITTED",
    "TASK_STATE_SUBMITTED",
    "TASK_STATE_WORKING",
    "TASK_STATE_INPUT_REQUIRED",
    "TASK_STATE_COMPLETED",
    "TASK_STATE_FAILED",
    "TASK_STATE_CANCELED",
  ]);
});

test("a task keeps its context and the message that it began with", () => {
  expect(json(reviewTask())).toMatchObject({
    contextId: "c-1",
    status: { state: "TASK_STATE_WORKING" },
    history: [{ messageId: "m-1", role: "ROLE_USER", parts: [{ text: "Review it" }] }],
  });
});

test.each([{ a: 1 }, { message: "no message" }, "text", null])("a task of data alone, %j, began with that", (input) => {
  expect(json(reviewTask({ input }))).toMatchObject({ history: [{ role: "ROLE_USER", parts: [{ data: input }] }] });
});

test("the output of a completed task is its artifact: text as text, anything else as data", () => {
  expect(json(reviewTask({ state: "completed", output: "fine" }))).toMatchObject({
    artifacts: [{ name: "output", parts: [{ text: "fine" }] }],
  });
  expect(json(reviewTask({ state: "completed", output: { ok: [1] } }))).toMatchObject({
    artifacts: [{ parts: [{ data: { ok: [1] } }] }],
  });
});

test("what waits shows its question and the schema of an answer", () => {
  const question = {
    id: "q",
    question: "Which branch?",
    schema: { type: "string" },
    onTimeout: "fail",
    askedAt: "2026-01-01T00:00:02.000Z",
    timeoutAt: "2026-01-02T00:00:02.000Z",
  } as const;
  expect(json(reviewTask({ state: "waiting", question }))).toMatchObject({
    status: {
      state: "TASK_STATE_INPUT_REQUIRED",
      message: { role: "ROLE_AGENT", parts: [{ text: "Which branch?" }, { data: { schema: { type: "string" } } }] },
    },
  });
});

test("a failure says its class and its message", () => {
  const failed = reviewTask({ state: "failed", error: { class: "fatal", message: "no such branch" } });
  expect(json(failed)).toMatchObject({
    status: { state: "TASK_STATE_FAILED", message: { parts: [{ text: "fatal: no such branch" }] } },
  });
});

test("questions and answers follow the first message, and the latest of the history can be asked for", () => {
  const answers = [
    {
      questionId: "q",
      assignmentId: "a" as AssignmentId,
      question: "Which branch?",
      answer: "main",
      answeredBy: { kind: "pat", id: "k" as ApiKeyId },
      answeredAt: "2026-01-01T00:00:03.000Z",
    },
  ] as const;
  expect(toA2aTask(reviewTask({ answers })).history).toHaveLength(3);
  expect(json(reviewTask({ answers }), 1)).toMatchObject({
    history: [{ role: "ROLE_USER", parts: [{ text: "main" }] }],
  });
  expect(toA2aTask(reviewTask({ answers }), 0).history).toEqual([]);
});
