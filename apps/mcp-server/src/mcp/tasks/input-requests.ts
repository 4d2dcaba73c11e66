import type { Task } from "@devmesh/models";
import type { InputRequests } from "@modelcontextprotocol/server";
import { isToolRun } from "./mcp-task.ts";
import { toForm } from "./question-form.ts";
import { readRunQuestion } from "./run-question.ts";

/** One thing that a client is asked for: its key, which is used once in the life of a task, and a run's name for it. */
export interface OpenInput {
  readonly key: string;
  readonly name: string;
}

/** What of the pending question of a run is not answered yet. */
export function openInputs(task: Task, given: ReadonlySet<string>): readonly OpenInput[] {
  const { question } = task;
  if (question === undefined) return [];
  return Object.keys(readRunQuestion(question.schema))
    .filter((name) => !given.has(name))
    .map((name) => ({ key: `${question.id}:${name}`, name }));
}

/** What the client of a waiting task is asked; `given` are a run's names that have their answer already. */
export function toInputRequests(task: Task, given: ReadonlySet<string>): InputRequests {
  const { question, assignedAgent } = task;
  if (question === undefined) return {};
  if (!isToolRun(task)) {
    const form = toForm(question);
    // who asks is no part of the server, and people should see that
    const message = assignedAgent === undefined ? form.message : `Agent ${assignedAgent.name} asks: ${form.message}`;
    return { [question.id]: { method: "elicitation/create", params: { ...form, message } } };
  }
  const asks = readRunQuestion(question.schema);
  const requests = openInputs(task, given).flatMap(({ key, name }) => {
    const ask = asks[name];
    return ask === undefined
      ? []
      : [[key, { method: "elicitation/create", params: { mode: "form", ...ask } }] as const];
  });
  return Object.fromEntries(requests);
}
