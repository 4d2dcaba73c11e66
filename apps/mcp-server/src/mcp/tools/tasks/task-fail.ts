import { messageSchemas } from "@devmesh/protocol";
import { z } from "zod";
import { failWord } from "../../../assignments/words.ts";
import { assignmentArguments, unneededKey } from "../arguments.ts";
import { defineTool, type Tool } from "../tool.ts";
import { recordedSchema, sayWord } from "./assignment-word.ts";
import type { TaskToolDeps } from "./task-tool-deps.ts";

const { class: failureClass, message, retryAfterMs, usage } = messageSchemas.TASK_FAIL.shape;

const input = z.strictObject({
  ...assignmentArguments,
  class: failureClass.describe("retryable: another try may succeed. rate_limited: later, uncounted. permanent: never."),
  message: message.describe("What went wrong, for whoever gave the task."),
  retryAfterMs: retryAfterMs.describe("Try again no earlier."),
  usage: usage.unwrap().strict().optional().describe("What it cost, as far as you know."),
  idempotencyKey: unneededKey,
});

/** `task_fail` */
export function taskFail(deps: TaskToolDeps): Tool {
  return defineTool({
    name: "task_fail",
    title: "Fail a task",
    description:
      "Ends your attempt at a task you hold as failed. By class and attempts left it is tried again, perhaps by " +
      "another agent, or fails for good: taskState tells. If you just don't want it use task_release.",
    scopes: ["agents:connect"],
    annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: true, openWorldHint: false },
    input,
    output: recordedSchema,
    async call(given, call) {
      return { kind: "complete", output: await sayWord(deps, call, given, failWord(given)) };
    },
  });
}
