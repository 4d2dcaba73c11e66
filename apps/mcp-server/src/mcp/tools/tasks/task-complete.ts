import { messageSchemas } from "@devmesh/protocol";
import { z } from "zod";
import { completeWord } from "../../../assignments/words.ts";
import { assignmentArguments, idempotencyKeyArgument } from "../arguments.ts";
import { defineTool, type Tool } from "../tool.ts";
import { recordedSchema, sayWord } from "./assignment-word.ts";
import type { TaskToolDeps } from "./task-tool-deps.ts";

const { output, artifacts, usage } = messageSchemas.TASK_COMPLETE.shape;

const input = z.strictObject({
  ...assignmentArguments,
  output: output.describe(
    "The result: any JSON, up to 1 MiB, null too. It must match the task's outputSchema, if it has one.",
  ),
  artifacts: artifacts.describe("Large results that you stored as contexts before."),
  usage: usage.describe("What the work cost, as far as you know: budgets count it."),
  idempotencyKey: idempotencyKeyArgument("Not needed: of several results of one assignment the first counts."),
});

/** `task_complete` */
export function taskComplete(deps: TaskToolDeps): Tool {
  return defineTool({
    name: "task_complete",
    title: "Complete a task",
    description:
      "Records the result of a task that you hold, and ends your part in it. Exactly one result is recorded for a task, for " +
      "good: a second call is answered with duplicate. An output that misses the outputSchema is refused with what is " +
      "wrong; you may send a better one twice. conflict with reason stale_assignment: the task is not yours any more, and " +
      "nothing was recorded.",
    scopes: ["agents:connect"],
    annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: true, openWorldHint: false },
    input,
    output: recordedSchema,
    async call(given, call) {
      return { kind: "complete", output: await sayWord(deps, call, given, completeWord(given)) };
    },
  });
}
