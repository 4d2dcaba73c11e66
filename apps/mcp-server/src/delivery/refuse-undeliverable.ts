import type { AssignmentId } from "@devmesh/models";
import type { Connection } from "../connections/connection.ts";
import type { ServerContext } from "../server-context.ts";
import type { AssignFrame } from "../stores.ts";

/**
 * Accepts and fails the assignment of a task that fits into no message: no agent of this protocol can work on it, so
 * it fails for good. It never rejects.
 */
export async function refuseUndeliverable(
  { engine, logger }: Pick<ServerContext, "engine" | "logger">,
  { tenantId }: Connection,
  { agentId, assignmentId, fence }: AssignFrame,
): Promise<void> {
  const about = { tenantId, agentId, assignmentId: assignmentId as AssignmentId, fence };
  const message = "the task, with what its dependencies resulted in, is larger than a message may be (10485760 bytes)";
  try {
    await Promise.all([
      engine.perform({ ...about, word: { kind: "accept" } }),
      engine.perform({ ...about, word: { kind: "fail", class: "permanent", message, usage: undefined } }),
    ]);
  } catch (err) {
    logger.warn({ assignmentId, agentId, err }, "a task that is too large could not be failed");
  }
}
