import { AppError } from "@devmesh/models";
import { closeCodes } from "@devmesh/protocol";
import type { Connection } from "./connection.ts";

/** Closes a connection for a reason that lies with the mesh, not with what the client sent; says why before it does. */
export function closeByMesh(connection: Connection, code: number, reason: string): void {
  if (connection.isClosed) return;
  switch (code) {
    case closeCodes.replaced:
      connection.send("GOODBYE", { reason: "replaced" });
      connection.close(closeCodes.replaced, "replaced");
      return;
    case closeCodes.agentRevoked:
      connection.sendError(new AppError("permission_denied", "the agent was revoked"));
      connection.close(closeCodes.agentRevoked, "revoked");
      return;
    case closeCodes.credentialEnded:
      connection.close(closeCodes.credentialEnded, "the credential has ended");
      return;
    default:
      connection.send("GOODBYE", { reason: reason === "" ? "deregistered" : reason });
      connection.close(closeCodes.normal, "deregistered");
  }
}
