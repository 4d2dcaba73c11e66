import { messageSchemas } from "@devmesh/protocol";
import { z } from "zod";
import { failWord } from "../../../assignments/words.ts";
import { assignmentArguments, idempotencyKeyArgument } from "../arguments.ts";
import { defineTool, type Tool } from "../tool.ts";
import { recordedSchema, sayWord } from "./assignment-word.ts";
import type { TaskToolDeps } from "./task-tool-deps.ts";

const { class: failureClass, message, retryAfterMs, usage } = messageSchemas.TASK_FAIL.shape;

const input = z.strictObject({
  ...assignmentArguments,
  class: failureClass.describe(
    "retryable: another try may succeed. rate_limited: try later, not counted. permanent: it can never succeed.",
  ),
  message: message.describe("What went wrong, for whoever submitted the task."),
  retryAfterMs: retryAfterMs.describe("Not to be tried again before; else the mesh decides."),
  usage: usage.describe("What the attempt cost, as far as you know."),
  idempotencyKey: idempotencyKeyArgument("Not needed: of several ends of one assignment the first counts."),
});

/** `task_fail` */
export function taskFail(deps: TaskToolDeps): Tool {
  return defineTool({
    name: "task_fail",
    title: "Fail a task",
    description:
      "Says that your attempt at a task has failed, and ends your part in it. Depending on class and attempts the task is " +
      "tried again, perhaps by another agent, or fails for good: taskState tells. Where you merely don't want it, use " +
      "task_release.",
    scopes: ["agents:connect"],
    annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: true, openWorldHint: false },
    input,
    output: recordedSchema,
    async call(given, call) {
      return { kind: "complete", output: await sayWord(deps, call, given, failWord(given)) };
    },
  });
}
