import type { Objects } from "@devmesh/adapters";
import { AppError, type ContextId, parseId } from "@devmesh/models";
import type { RouteDeps } from "../route-deps.ts";

/** The bucket of contexts. @throws AppError `failed_precondition`, reason `not_configured`, where there is none. */
export function objectsOf({ objects }: Pick<RouteDeps, "objects">): Objects {
  if (objects !== undefined) return objects;
  throw new AppError("failed_precondition", "this mesh has no bucket for contexts", { reason: "not_configured" });
}

/** The context that a path names. @throws AppError `not_found` for what is no id. */
export function contextIdOf(params: Readonly<Record<string, string>>): ContextId {
  return parseId<ContextId>(params["id"] ?? "", "context");
}
