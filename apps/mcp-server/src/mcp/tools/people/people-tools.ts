import type { Tool } from "../tool.ts";
import { approvalRequest } from "./approval-request.ts";
import type { PeopleToolDeps } from "./people-tool-deps.ts";

/** The tools by which agents ask people. */
export function peopleTools(deps: PeopleToolDeps): readonly Tool[] {
  return [approvalRequest(deps)];
}
