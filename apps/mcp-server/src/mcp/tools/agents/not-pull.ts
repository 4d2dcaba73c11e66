import { AppError } from "@devmesh/models";

/** For an agent that calls what only those do that pull. */
export function notPull(name: string): AppError {
  const message = `agent ${name} does not pull: it is connected by socket, or was; agent_register makes it pull again`;
  return new AppError("failed_precondition", message, { reason: "not_pull" });
}
