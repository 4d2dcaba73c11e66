import type { NewId } from "@devmesh/models";
import type { TaskEngine } from "@devmesh/tasks";
import type { TaskReads } from "../../../stores.ts";
import type { ActingDeps } from "../acting.ts";

/** What the tools of tasks work on. */
export interface TaskToolDeps extends ActingDeps {
  readonly engine: Pick<TaskEngine, "submit" | "perform" | "cancel" | "claim">;
  readonly taskReads: TaskReads;
  /** Tells that there are new events. Never waits. */
  readonly nudgeOutbox: () => void;
  readonly newId: NewId;
}
