import { messageSchemas } from "@devmesh/protocol";
import { maxLeaseMs } from "@devmesh/tasks";
import { z } from "zod";
import { progressWord } from "../../../assignments/words.ts";
import { assignmentArguments, unneededKey } from "../arguments.ts";
import { defineTool, type Tool } from "../tool.ts";
import { recordedSchema, sayWord } from "./assignment-word.ts";
import type { TaskToolDeps } from "./task-tool-deps.ts";

const { percent, note, log } = messageSchemas.TASK_PROGRESS.shape;
const { line, level, at } = log.unwrap().element.shape;

const input = z.strictObject({
  ...assignmentArguments,
  percent,
  note: note.describe("What you do now, for people."),
  log: z
    .array(
      z.strictObject({
        line,
        level: level.optional().meta({ default: "info" }),
        at: at.optional().describe("RFC 3339; now by default."),
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
    .describe("From now; by default as long as it was claimed for."),
  idempotencyKey: unneededKey,
});

/** `task_progress` */
export function taskProgress(deps: TaskToolDeps): Tool {
  return defineTool({
    name: "task_progress",
    title: "Report progress",
    description:
      "Renews the lease of a task you hold, and tells how far you are. Call it in each half of a lease, if only " +
      "with assignmentId and fence: when a lease ends, the task goes to another agent. conflict with reason " +
      "stale_assignment: it is not yours any more, stop working on it.",
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
