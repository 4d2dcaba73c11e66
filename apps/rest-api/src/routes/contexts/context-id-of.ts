import { type ContextId, parseId } from "@devmesh/models";

/** The context that a path names. @throws AppError `not_found` for what is no id. */
export function contextIdOf(params: Readonly<Record<string, string>>): ContextId {
  return parseId<ContextId>(params["id"] ?? "", "context");
}
