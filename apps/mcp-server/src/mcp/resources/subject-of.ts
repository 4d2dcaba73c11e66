import type { Principal } from "@devmesh/auth";
import { AppError } from "@devmesh/models";
import { assertMayRead, findAgent, findEntry } from "./find-resource.ts";
import type { ResourceDeps } from "./resource-deps.ts";
import { parseResourceUri } from "./resource-uri.ts";
import type { Subject } from "./watched-resources.ts";

/**
 * What a URI stands for, to somebody who may read it.
 *
 * @throws AppError `not_found` for what is no resource; `permission_denied`; `failed_precondition` for one that can't be
 * watched.
 */
export async function subjectOf(
  deps: Pick<ResourceDeps, "taskReads" | "agents" | "knowledge">,
  principal: Principal,
  uri: string,
): Promise<Subject> {
  const ref = parseResourceUri(uri);
  if (ref === undefined) throw noResource(uri);
  assertMayRead(principal, ref);
  const { tenantId } = principal;
  switch (ref.kind) {
    case "task":
    case "task_log": {
      const [task] = await deps.taskReads.get(tenantId, [ref.id], "listed");
      if (task === undefined) throw noResource(uri);
      return { tenantId, kind: "task", id: task.id };
    }
    case "agent":
    case "inbox":
      return { tenantId, kind: ref.kind, id: (await findAgent(deps, principal, ref)).id };
    case "entry":
      return { tenantId, kind: "entry", id: (await findEntry(deps, principal, ref)).id };
    case "usage":
      throw new AppError("failed_precondition", "usage can't be subscribed: read it again when its time is over");
  }
}

function noResource(uri: string): AppError {
  return new AppError("not_found", `no resource ${JSON.stringify(uri.slice(0, 200))}`);
}
