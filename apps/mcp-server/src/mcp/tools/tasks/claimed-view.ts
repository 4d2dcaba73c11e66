import { assignmentStates, type ClaimedTask, utf8Bytes } from "@devmesh/models";
import { z } from "zod";
import { timeSchema } from "../arguments.ts";
import { inBrief } from "../in-brief.ts";
import { answerSchema, taskSchema, toAnswerView, toTaskView } from "./task-view.ts";

const claimedTaskSchema = taskSchema.pick({
  id: true,
  type: true,
  title: true,
  input: true,
  labels: true,
  parentId: true,
  attempt: true,
  maxAttempts: true,
  deadline: true,
  timeoutMs: true,
  outputSchema: true,
  contexts: true,
  budget: true,
});

/** A task that an agent has claimed. */
export const claimedSchema = z.object({
  assignmentId: z.string(),
  fence: z.int(),
  state: z.enum(assignmentStates),
  leaseUntil: timeSchema.optional(),
  task: inBrief(claimedTaskSchema, ["id", "type", "title", "input", "outputSchema", "timeoutMs"], "task_get"),
  dependencies: z
    .array(z.object({ id: z.string(), ref: z.string().optional(), output: z.unknown().optional() }))
    .optional(),
  answers: z.array(inBrief(answerSchema, ["question", "answer"])).optional(),
  isCut: z
    .literal(true)
    .optional()
    .describe("Too large to go along: read input, outputSchema and outputs of dependencies with task_get."),
  traceparent: z.string().optional(),
});

type ClaimedView = z.input<typeof claimedSchema>;

/** Of one answer as JSON, which goes out twice: as text, too. Judgement: room for four inputs of the largest size. */
const maxAnswerBytes = 4_194_304;

/** Shows what was claimed. Where it is more than an answer should hold, those that come last are cut. */
export function toClaimedViews(claimed: readonly ClaimedTask[]): ClaimedView[] {
  let bytes = 0;
  return claimed.map((one) => {
    const view = toClaimedView(one);
    const size = utf8Bytes(JSON.stringify(view));
    if (one.lacksOutputs === true || bytes + size > maxAnswerBytes) return cut(view);
    bytes += size;
    return view;
  });
}

/** Without what others wrote at any length. */
function cut({ task, dependencies, ...view }: ClaimedView): ClaimedView {
  const { input: _input, outputSchema: _schema, ...short } = task;
  return { ...view, task: short, dependencies: dependencies?.map(({ id, ref }) => ({ id, ref })), isCut: true };
}

function toClaimedView(claimed: ClaimedTask): ClaimedView {
  const { assignmentId, fence, state, leaseUntil, traceparent, task: whole } = claimed;
  const { dependencies, answers } = whole;
  const { id, type, title, input: given, labels, parentId, attempt, ...rest } = toTaskView(whole);
  const { maxAttempts, deadline, timeoutMs, outputSchema, contexts, budget } = rest;
  return {
    assignmentId,
    fence,
    state,
    leaseUntil,
    task: {
      id,
      type,
      title,
      input: given,
      labels,
      parentId,
      attempt,
      maxAttempts,
      deadline,
      timeoutMs,
      outputSchema,
      contexts,
      budget,
    },
    dependencies: dependencies?.map((dependency) => ({ ...dependency })),
    answers: answers?.map(toAnswerView),
    traceparent,
  };
}
