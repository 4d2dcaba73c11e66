import type { Tool } from "../tool.ts";
import { contextGet } from "./context-get.ts";
import { knowledgeAdd } from "./knowledge-add.ts";
import { knowledgeGet } from "./knowledge-get.ts";
import { knowledgeSearch } from "./knowledge-search.ts";
import type { MemoryToolDeps } from "./memory-tool-deps.ts";

/** The tools by which what is known is found, read and written down. */
export function memoryTools(deps: MemoryToolDeps): readonly Tool[] {
  return [knowledgeSearch(deps), knowledgeGet(deps), knowledgeAdd(deps), contextGet(deps)];
}
