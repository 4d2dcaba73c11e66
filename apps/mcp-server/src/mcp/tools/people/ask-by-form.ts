import { toStorable } from "@devmesh/models";
import { acceptedContent, inputRequired, inputResponse } from "@modelcontextprotocol/server";
import { z } from "zod";
import { progressWord } from "../../../assignments/words.ts";
import { findOwnAgent } from "../acting.ts";
import { sayWord } from "../tasks/assignment-word.ts";
import type { ToolAnswer, ToolCall } from "../tool.ts";
import type { Approval, ApprovalAsked, AskedForTask } from "./approval.ts";
import type { PeopleToolDeps } from "./people-tool-deps.ts";

/** What the form asks for. */
const formSchema = {
  type: "object",
  properties: {
    decision: { type: "string", title: "Decision", enum: ["approve", "decline"] },
    comment: { type: "string", title: "Comment", description: "For the agent that asks.", maxLength: 2_000 },
  },
  required: ["decision"],
} as const;

const contentSchema = z.object({ decision: z.enum(["approve", "decline"]), comment: z.string().max(2_000).optional() });

const key = "approval";

/** Asks the person at the client; the task, where there is one, hears of question and decision in its log. */
export async function askByForm(
  deps: PeopleToolDeps,
  { asked, task }: { readonly asked: ApprovalAsked; readonly task: AskedForTask | undefined },
  call: ToolCall,
): Promise<ToolAnswer<Approval>> {
  // without our state nobody was asked, whatever the client says of an answer
  const decided = call.state === undefined ? undefined : toDecision(call.inputResponses);
  // before anybody is asked it is known that the task is still the agent's
  const taskId = task && (await log(deps, { task, line: lineOf(asked, decided) }, call));
  if (decided === undefined) {
    const who = await nameOf(deps, asked, call);
    const request = inputRequired.elicit({
      message: `${who} asks for your approval:\n\n${asked.question}`,
      requestedSchema: { ...formSchema, required: [...formSchema.required] },
    });
    return { kind: "input_required", requests: { [key]: request }, state: { asked: true } };
  }
  const { tenantId, id: principalId } = call.caller.principal;
  const { decision } = decided;
  deps.logger.info({ tenantId, principalId, agent: asked.agent, taskId, decision }, "a person decided on an approval");
  return { kind: "complete", output: { ...decided, ...(taskId !== undefined && { taskId }) } };
}

/** Undefined where nobody was asked yet, or the answer is none. */
function toDecision(responses: ToolCall["inputResponses"]): Pick<Approval, "decision" | "comment"> | undefined {
  const response = inputResponse(responses, key);
  if (response.kind !== "elicit") return undefined;
  if (response.action === "cancel") return { decision: "cancelled" };
  if (response.action === "decline") return { decision: "declined" };
  const content = acceptedContent(responses, key, contentSchema);
  if (content === undefined) return undefined;
  const { decision, comment } = content;
  const words = comment === undefined || comment === "" ? {} : { comment: toStorable(comment) };
  return { decision: decision === "approve" ? "approved" : "declined", ...words };
}

/** Log lines hold 4 KiB. */
const maxLineCharacters = 1_000;

function lineOf({ question }: ApprovalAsked, decided: Pick<Approval, "decision" | "comment"> | undefined): string {
  if (decided === undefined)
    return `approval asked of a person: ${question}`.slice(0, maxLineCharacters).toWellFormed();
  const { decision, comment } = decided;
  const words = comment === undefined ? "" : `: ${comment}`;
  return `approval ${decision} by a person at the client${words}`.slice(0, maxLineCharacters).toWellFormed();
}

async function log(
  deps: PeopleToolDeps,
  { task, line }: { readonly task: AskedForTask; readonly line: string },
  call: ToolCall,
): Promise<string> {
  const word = progressWord({ log: [{ at: new Date().toISOString(), level: "info", line }] });
  return (await sayWord(deps, call, task, word)).taskId;
}

/** What the person is told of who asks. */
async function nameOf({ agents }: PeopleToolDeps, { agent }: ApprovalAsked, call: ToolCall): Promise<string> {
  const { principal } = call.caller;
  if (agent === undefined && principal.agentName === undefined) return "An agent";
  return `Agent ${(await findOwnAgent(agents, principal, agent)).name}`;
}
