import type { Contexts, Knowledge } from "@devmesh/memory";
import type { NewId } from "@devmesh/models";

/** What the tools of memory work on. */
export interface MemoryToolDeps extends Knowledge, Pick<Contexts, "contexts" | "objects"> {
  readonly newId: NewId;
}
