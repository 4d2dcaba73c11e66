import {
  assignmentStrategies,
  isFinal,
  type Task,
  type TaskEvent,
  type TaskState,
  taskEventTypes,
  taskStates,
  unassignedReasons,
} from "@devmesh/models";
import { z } from "zod";
import { timeSchema } from "../arguments.ts";
import { inBrief } from "../in-brief.ts";

const agentRefSchema = z.object({ id: z.string(), name: z.string() });
const capsSchema = inBrief(z.object({ costMicroUsd: z.int().optional(), tokens: z.int().optional() }), []);

const assignmentSchema = z.object({
  id: z.string(),
  fence: z.int(),
  strategy: z.enum(assignmentStrategies),
  leaseUntil: timeSchema.optional(),
});

/** What both views have. */
const outline = {
  id: z.string(),
  type: z.string(),
  title: z.string().optional(),
  state: z.enum(taskStates),
  priority: z.int(),
  labels: z.array(z.string()).optional(),
  parentId: z.string().optional(),
  attempt: z.int(),
  maxAttempts: z.int(),
  assignedAgent: agentRefSchema.optional(),
  assignment: inBrief(assignmentSchema, ["id", "fence", "leaseUntil"]).optional(),
  progress: z.object({ percent: z.number().optional(), note: z.string().optional(), at: timeSchema }).optional(),
  error: z.object({ class: z.string(), message: z.string() }).optional(),
  unassignedBecause: z.object({ reason: z.enum(unassignedReasons), message: z.string() }).optional(),
  createdAt: timeSchema,
  updatedAt: timeSchema,
  finishedAt: timeSchema.optional(),
};

/** A task in a list. */
const listedTaskSchema = z.object(outline);

/** The same in a list, and by itself. */
export const listedInBrief = inBrief(
  listedTaskSchema,
  ["id", "type", "title", "state", "assignedAgent", "progress", "unassignedBecause", "createdAt"],
  "task_get",
);
export const taskInBrief = inBrief(listedTaskSchema, ["id", "state"], "task_get");

const questionSchema = z.object({
  id: z.string(),
  question: z.string(),
  schema: z.unknown().optional(),
  askedAt: timeSchema,
  timeoutAt: timeSchema,
  onTimeout: z.string(),
});

/** What a person answered. */
export const answerSchema = z.object({
  questionId: z.string(),
  question: z.string(),
  answer: z.unknown(),
  answeredAt: timeSchema,
});

const requirementsSchema = z.object({
  capabilities: z.array(z.string()),
  minLevel: z.int(),
  tags: z.record(z.string(), z.string()),
  agent: z.string().optional(),
});

const usageSchema = z.object({
  inputTokens: z.int().optional(),
  outputTokens: z.int().optional(),
  costMicroUsd: z.int().optional(),
  model: z.string().optional(),
});

const artifactSchema = z.object({
  name: z.string(),
  mediaType: z.string(),
  size: z.int(),
  sha256: z.string(),
  contextId: z.string(),
});

/** A whole task. */
export const taskSchema = z.object({
  ...outline,
  ref: z.string().optional(),
  input: z.unknown().optional(),
  requirements: inBrief(requirementsSchema, ["capabilities", "agent"]),
  strategy: z.enum(assignmentStrategies),
  deadline: timeSchema.optional(),
  notBefore: timeSchema.optional(),
  timeoutMs: z.int(),
  dependsOn: z.array(z.string()).optional(),
  outputSchema: z.unknown().optional(),
  contexts: z.array(z.string()).optional(),
  budget: capsSchema.optional(),
  treeBudget: capsSchema.optional(),
  output: z.unknown().optional(),
  artifacts: z.array(inBrief(artifactSchema, ["name", "mediaType", "contextId"])).optional(),
  usage: inBrief(usageSchema, []).optional(),
  question: inBrief(questionSchema, ["question", "schema"]).optional(),
  answers: z.array(inBrief(answerSchema, ["question", "answer"])).optional(),
  startedAt: timeSchema.optional(),
});

/** What its reader acts on, and what explains itself only here. */
export const wholeTask = inBrief(taskSchema, [
  ...(["id", "type", "title", "state", "labels", "parentId", "attempt", "maxAttempts", "assignedAgent"] as const),
  ...(["assignment", "progress", "error", "unassignedBecause", "createdAt", "finishedAt", "input"] as const),
  ...(["requirements", "deadline", "timeoutMs", "dependsOn", "outputSchema", "contexts", "output"] as const),
  ...(["artifacts", "usage", "question", "answers"] as const),
]);
/** What matters of it to who waits for it. */
export const wholeTaskInBrief = inBrief(taskSchema, ["id", "state", "output", "error"], "task_get");

/** A step of a task's history. */
export const taskEventSchema = z.object({
  seq: z.int(),
  type: z.enum(taskEventTypes),
  at: timeSchema,
  data: z.record(z.string(), z.unknown()),
});

/** What a list shows of a task. */
export function toListedView(task: Task): z.input<typeof listedTaskSchema> {
  const { id, type, title, state, priority, labels, parentId, attempt, maxAttempts, assignedAgent, assignment } = task;
  const { progress, error, unassignedBecause, createdAt, updatedAt, finishedAt } = task;
  return {
    id,
    type,
    title,
    state,
    priority,
    labels: toList(labels),
    parentId,
    attempt,
    maxAttempts,
    assignedAgent,
    assignment: toAssignmentView(assignment, state),
    progress,
    error,
    unassignedBecause,
    createdAt,
    updatedAt,
    finishedAt,
  };
}

/** All of a task, but for why its agent was chosen. */
export function toTaskView(task: Task): z.input<typeof taskSchema> {
  const { ref, input, requirements, strategy, deadline, notBefore, timeoutMs, outputSchema, budget, treeBudget } = task;
  const { output, usage, question, answers, startedAt } = task;
  return {
    ...toListedView(task),
    ref,
    input,
    requirements: { ...requirements, capabilities: [...requirements.capabilities] },
    strategy,
    deadline,
    notBefore,
    timeoutMs,
    dependsOn: toList(task.dependsOn),
    outputSchema,
    contexts: toList(task.contexts),
    budget,
    treeBudget,
    output,
    artifacts: toList(task.artifacts),
    usage,
    question,
    answers: answers?.map(toAnswerView),
    startedAt,
  };
}

/** An answer without who gave it. */
export function toAnswerView(given: NonNullable<Task["answers"]>[number]): z.input<typeof answerSchema> {
  const { questionId, question, answer, answeredAt } = given;
  return { questionId, question, answer, answeredAt };
}

/** An event as it was written. */
export function toEventView({ seq, type, at, data }: TaskEvent): z.input<typeof taskEventSchema> {
  return { seq, type, at, data: { ...data } };
}

/** A lease of what has ended says nothing. */
function toAssignmentView(assignment: Task["assignment"], state: TaskState): z.input<typeof outline.assignment> {
  if (assignment === undefined) return undefined;
  const { id, fence, strategy, leaseUntil } = assignment;
  return { id, fence, strategy, ...(!isFinal(state) && { leaseUntil }) };
}

/** Nothing for what is empty: a model reads what is there. */
function toList<Item>(items: readonly Item[] | undefined): Item[] | undefined {
  return items === undefined || items.length === 0 ? undefined : [...items];
}
