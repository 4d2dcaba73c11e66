import { parseId, type TaskId } from "@devmesh/models";

/** The task that a path names. @throws AppError `not_found` for what is no id. */
export function taskIdOf(params: Readonly<Record<string, string>>): TaskId {
  return parseId<TaskId>(params["id"] ?? "", "task");
}
