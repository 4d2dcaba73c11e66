import { messageSchemas } from "@devmesh/protocol";
import { z } from "zod";
import { assignmentArguments, idempotencyKeyArgument } from "../arguments.ts";
import { defineTool, type Tool } from "../tool.ts";
import { recordedSchema, sayWord } from "./assignment-word.ts";
import type { TaskToolDeps } from "./task-tool-deps.ts";

const input = z.strictObject({
  ...assignmentArguments,
  reason: messageSchemas.TASK_REJECT.shape.reason.describe("Why, for people who look at the task's history."),
  idempotencyKey: idempotencyKeyArgument("Not needed: a second call is answered with duplicate."),
});

/** `task_release` */
export function taskRelease(deps: TaskToolDeps): Tool {
  return defineTool({
    name: "task_release",
    title: "Give a task back",
    description:
      "Gives back a task that you hold and won't finish: it goes to another agent at once, and the attempt is not counted. " +
      "You are not given this task again. Use it when you stop, or find that the task is not for you.",
    scopes: ["agents:connect"],
    annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: true, openWorldHint: false },
    input,
    output: recordedSchema,
    async call(given, call) {
      const word = { kind: "reject", reason: given.reason } as const;
      return { kind: "complete", output: await sayWord(deps, call, given, word) };
    },
  });
}
