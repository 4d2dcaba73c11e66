import type { AssignmentId, TaskAnswer, TaskId } from "@devmesh/models";
import { z } from "zod";
import { askWord } from "../../../assignments/words.ts";
import { sayWord } from "../tasks/assignment-word.ts";
import type { ToolCall } from "../tool.ts";
import type { Approval, AskedForTask } from "./approval.ts";
import type { PeopleToolDeps } from "./people-tool-deps.ts";

/** What whoever answers gives. */
const schema = {
  type: "object",
  properties: {
    approved: { type: "boolean" },
    comment: { type: "string", maxLength: 2_000 },
  },
  required: ["approved"],
  additionalProperties: false,
} as const;

const answerSchema = z.object({ approved: z.boolean(), comment: z.string().optional() });

/** Of an approval without a key: the same question is the same approval. */
const onlyRequest = "approval_request";

/** Lets the task wait for a person. What was asked before is not asked again: its answer is given, once there is one. */
export async function askByTask(deps: PeopleToolDeps, asked: AskedForTask, call: ToolCall): Promise<Approval> {
  const { question, timeoutMs, idempotencyKey: requestId = onlyRequest } = asked;
  const word = askWord({ question, schema, timeoutMs }, { id: deps.newId(), requestId });
  const { taskId, taskState, duplicate } = await sayWord(deps, call, asked, word);
  if (!duplicate || taskState === "waiting") return { decision: "waiting", taskId };
  const [task] = await deps.taskReads.get(call.caller.principal.tenantId, [taskId as TaskId], "whole");
  return { ...toDecision(task?.answers ?? [], asked), taskId };
}

/** The latest answer to the question. */
function toDecision(
  answers: readonly TaskAnswer[],
  { question, assignmentId }: AskedForTask,
): Pick<Approval, "decision" | "comment"> {
  const own = assignmentId.toLowerCase() as AssignmentId;
  const given = answers.findLast((one) => one.assignmentId === own && one.question === question);
  const parsed = answerSchema.safeParse(given?.answer);
  if (!parsed.success) return { decision: "waiting" };
  const { approved, comment } = parsed.data;
  return { decision: approved ? "approved" : "declined", ...(comment !== undefined && { comment }) };
}
