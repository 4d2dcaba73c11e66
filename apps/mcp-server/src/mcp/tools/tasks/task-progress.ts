import { messageSchemas } from "@devmesh/protocol";
import { maxLeaseMs } from "@devmesh/tasks";
import { z } from "zod";
import { progressWord } from "../../../assignments/words.ts";
import { assignmentArguments, idempotencyKeyArgument } from "../arguments.ts";
import { defineTool, type Tool } from "../tool.ts";
import { recordedSchema, sayWord } from "./assignment-word.ts";
import type { TaskToolDeps } from "./task-tool-deps.ts";

const { percent, note, log } = messageSchemas.TASK_PROGRESS.shape;
const { line, level, at } = log.unwrap().element.shape;

const input = z.strictObject({
  ...assignmentArguments,
  percent: percent.describe("How much is done, 0 to 100."),
  note: note.describe("What you are doing now, for people who watch."),
  log: z
    .array(
      z.strictObject({
        line: line.describe("At most 4 KiB."),
        level: level.optional().meta({ default: "info" }),
        at: at.optional().describe("RFC 3339; now unless given."),
      }),
    )
    .max(1_000)
    .optional()
    .describe("Lines for the task's log."),
  leaseMs: z
    .int()
    .min(1_000)
    .max(maxLeaseMs)
    .optional()
    .describe(
      "How long from now the task stays yours without another word. Without it: as long as it was claimed for.",
    ),
  idempotencyKey: idempotencyKeyArgument("Not needed: only a log line that is sent again is there twice."),
});

/** `task_progress` */
export function taskProgress(deps: TaskToolDeps): Tool {
  return defineTool({
    name: "task_progress",
    title: "Report progress",
    description:
      "Renews the lease of a task that you hold, and reports how far you are. Call it at least once in each half of a lease " +
      "while you work, with nothing but assignmentId and fence if there is nothing to tell: when a lease ends, the task goes " +
      "to another agent. conflict with reason stale_assignment says that it is not yours any more: stop working on it.",
    scopes: ["agents:connect"],
    annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: false, openWorldHint: false },
    input,
    output: recordedSchema,
    async call(given, call) {
      const lines = given.log?.map(({ line: text, level: word = "info", at: time = new Date().toISOString() }) => ({
        at: time,
        level: word,
        line: text,
      }));
      const word = progressWord({ percent: given.percent, note: given.note, log: lines });
      const recorded = await sayWord(deps, call, given, word);
      if (given.leaseMs === undefined) return { kind: "complete", output: recorded };
      const extended = await sayWord(deps, call, given, { kind: "extend", leaseMs: given.leaseMs });
      return { kind: "complete", output: extended };
    },
  });
}
