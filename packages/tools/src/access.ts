import { AppError, type ToolServer } from "@devmesh/models";

const executeScope = "tools:execute";
const impliesAll = "admin";

/** True for scopes that hold `tools:execute` and all that the server asks for beside it; `admin` holds everything. */
export function mayUseServer(scopes: readonly string[], server: Pick<ToolServer, "scopes">): boolean {
  return findMissingScope(scopes, server) === undefined;
}

/** @throws AppError `permission_denied`, reason `missing_scope`, naming the first that is missing. */
export function assertMayUseServer(scopes: readonly string[], server: Pick<ToolServer, "scopes">): void {
  const missing = findMissingScope(scopes, server);
  if (missing === undefined) return;
  throw new AppError("permission_denied", `the credential lacks the scope ${missing}`, { reason: "missing_scope" });
}

function findMissingScope(scopes: readonly string[], server: Pick<ToolServer, "scopes">): string | undefined {
  if (scopes.includes(impliesAll)) return undefined;
  return [executeScope, ...server.scopes].find((scope) => !scopes.includes(scope));
}
