import { type KnowledgeId, parseId } from "@devmesh/models";

/** The entry that a path names. @throws AppError `not_found` for what is no id. */
export function entryIdOf(params: Readonly<Record<string, string>>): KnowledgeId {
  return parseId<KnowledgeId>(params["id"] ?? "", "entry");
}
