import { messageSchemas } from "@devmesh/protocol";
import { z } from "zod";
import { agentArgument, assignmentArguments, idempotencyKeyArgument } from "../arguments.ts";

const { question: questionText, timeoutMs } = messageSchemas.TASK_NEEDS_INPUT.shape;

/** What the tool takes. */
export const approvalInput = z.strictObject({
  question: questionText
    .refine((text) => text !== "", "must not be empty")
    .describe("What you want to do, and what it changes, so that a person can decide without asking back."),
  agent: agentArgument.describe("Which of your registered agents asks: name or id. Needed with assignmentId."),
  assignmentId: assignmentArguments.assignmentId
    .optional()
    .describe("The task that you hold and ask for, from task_claim."),
  fence: assignmentArguments.fence.optional().describe("Of that assignment."),
  timeoutMs: timeoutMs.describe("How long a task waits for the answer; 24 h unless given. Then it fails."),
  idempotencyKey: idempotencyKeyArgument(
    "For a task that waits: the same question with the same key asks nothing anew, and gives the answer once it is there.",
  ),
});

/** What the tool gives. */
export const approvalOutput = z.object({
  decision: z
    .enum(["approved", "declined", "cancelled", "waiting"])
    .describe("cancelled: the person closed the form without deciding. waiting: nobody has answered yet."),
  comment: z.string().optional().describe("What the person added."),
  taskId: z.string().optional().describe("The task that was asked for."),
});

/** An approval as it is asked for, checked. */
export type ApprovalAsked = z.output<typeof approvalInput>;
/** What came of it. */
export type Approval = z.input<typeof approvalOutput>;

/** An approval for a task that its agent holds. */
export type AskedForTask = ApprovalAsked & { readonly assignmentId: string; readonly fence: number };
