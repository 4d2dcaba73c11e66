import { AppError } from "@devmesh/models";
import { defineTool, type Tool, type ToolAnswer, type ToolCall } from "../tool.ts";
import { type Approval, type ApprovalAsked, type AskedForTask, approvalInput, approvalOutput } from "./approval.ts";
import { askByForm } from "./ask-by-form.ts";
import { askByTask } from "./ask-by-task.ts";
import type { PeopleToolDeps } from "./people-tool-deps.ts";

/** `approval_request` */
export function approvalRequest(deps: PeopleToolDeps): Tool {
  return defineTool({
    name: "approval_request",
    title: "Ask a person for approval",
    description:
      "Asks a person whether you may do what can't be undone, costs money or reaches outside; go on only where " +
      "decision is approved. Where your client shows forms the person at it is asked. Else give assignmentId and " +
      "fence of a task you hold: it waits for whoever watches the mesh, decision is waiting, your lease stands " +
      "still, the answer comes to your inbox, and the same call again gives it.",
    scopes: ["agents:connect"],
    annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: false, openWorldHint: true },
    input: approvalInput,
    output: approvalOutput,
    call(asked, call) {
      return ask(deps, asked, call);
    },
  });
}

async function ask(deps: PeopleToolDeps, asked: ApprovalAsked, call: ToolCall): Promise<ToolAnswer<Approval>> {
  const task = toTask(asked);
  if (call.caller.client.elicitsForms) return askByForm(deps, { asked, task }, call);
  if (task !== undefined) return { kind: "complete", output: await askByTask(deps, task, call) };
  const message =
    "this client shows no forms: give assignmentId and fence of a task that you hold, or ask your user yourself";
  throw new AppError("failed_precondition", message, { reason: "no_form" });
}

/** @throws AppError `invalid_argument` where one of assignment and fence is missing. */
function toTask(asked: ApprovalAsked): AskedForTask | undefined {
  const { assignmentId, fence } = asked;
  if (assignmentId === undefined && fence === undefined) return undefined;
  if (assignmentId !== undefined && fence !== undefined) return { ...asked, assignmentId, fence };
  const path = fence === undefined ? "fence" : "assignmentId";
  const message = "assignmentId and fence belong together";
  throw new AppError("invalid_argument", `${path}: ${message}`, { details: [{ path, message }] });
}
