import { messageSchemas } from "@devmesh/protocol";
import { z } from "zod";
import { completeWord } from "../../../assignments/words.ts";
import { assignmentArguments, unneededKey } from "../arguments.ts";
import { defineTool, type Tool } from "../tool.ts";
import { recordedSchema, sayWord } from "./assignment-word.ts";
import type { TaskToolDeps } from "./task-tool-deps.ts";

const { output, artifacts, usage } = messageSchemas.TASK_COMPLETE.shape;

const input = z.strictObject({
  ...assignmentArguments,
  output: output.describe("The result: any JSON, up to 1 MiB, null too."),
  artifacts: artifacts.describe("Large results, stored as contexts before."),
  usage: usage.unwrap().strict().optional().describe("What it cost, as far as you know."),
  idempotencyKey: unneededKey,
});

/** `task_complete` */
export function taskComplete(deps: TaskToolDeps): Tool {
  return defineTool({
    name: "task_complete",
    title: "Complete a task",
    description:
      "Records the one result of a task you hold, for good, and ends your part in it. An output that misses the " +
      "task's outputSchema is refused with what is wrong: mend it; the third miss fails the attempt. conflict with " +
      "reason stale_assignment: the task is not yours any more, nothing was recorded.",
    scopes: ["agents:connect"],
    annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: true, openWorldHint: false },
    input,
    output: recordedSchema,
    async call(given, call) {
      return { kind: "complete", output: await sayWord(deps, call, given, completeWord(given)) };
    },
  });
}
