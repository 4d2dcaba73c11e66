import { messageSchemas } from "@devmesh/protocol";
import { z } from "zod";
import { assignmentArguments, unneededKey } from "../arguments.ts";
import { defineTool, type Tool } from "../tool.ts";
import { recordedSchema, sayWord } from "./assignment-word.ts";
import type { TaskToolDeps } from "./task-tool-deps.ts";

const input = z.strictObject({
  ...assignmentArguments,
  reason: messageSchemas.TASK_REJECT.shape.reason,
  idempotencyKey: unneededKey,
});

/** `task_release` */
export function taskRelease(deps: TaskToolDeps): Tool {
  return defineTool({
    name: "task_release",
    title: "Give a task back",
    description:
      "Gives back a task you hold and won't finish: it goes to another agent at once, the attempt uncounted, and " +
      "not to you again.",
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
