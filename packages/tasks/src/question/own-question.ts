import { AppError, type Task } from "@devmesh/models";

/**
 * An agent asks others: whoever holds a key that is bound to the asking agent does not answer in their place.
 *
 * @param agentName the agent that the answerer's key is bound to, if it is to any.
 * @throws AppError `permission_denied`, reason `own_question`.
 */
export function assertOthersQuestion(
  agentName: string | undefined,
  { id, assignedAgent }: Pick<Task, "id" | "assignedAgent">,
): void {
  if (agentName === undefined || assignedAgent?.name !== agentName) return;
  const message = `task ${id} waits for the answer to a question of ${agentName}, which others have to give`;
  throw new AppError("permission_denied", message, { reason: "own_question" });
}
