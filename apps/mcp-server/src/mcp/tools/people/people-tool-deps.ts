import type { NewId } from "@devmesh/models";
import type { Logger } from "@devmesh/observability";
import type { TaskReads } from "../../../stores.ts";
import type { WordDeps } from "../tasks/assignment-word.ts";

/** What the tools of people work on. */
export interface PeopleToolDeps extends WordDeps {
  readonly taskReads: Pick<TaskReads, "get">;
  readonly newId: NewId;
  readonly logger: Logger;
}
