export { type Contexts, type CreateContextsOptions, createContexts } from "./contexts/create-contexts.ts";
export {
  type ContextDownload,
  expiredContext,
  findReadable,
  noContext,
  objectsOf,
  signDownload,
} from "./contexts/sign-download.ts";
export { type CreateMemoryOptions, createMemory, type Memory } from "./create-memory.ts";
export { askerOf } from "./knowledge/asker-of.ts";
export { type CreateKnowledgeOptions, createKnowledge, type Knowledge } from "./knowledge/create-knowledge.ts";
export { type Models, type OpenModelsOptions, openModels } from "./open-models.ts";
