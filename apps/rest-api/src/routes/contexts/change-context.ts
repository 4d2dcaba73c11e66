import { objectsOf } from "@devmesh/memory";
import { completeUpload, refuseUnknown } from "../../contexts/store-context.ts";
import { defineRoute, type Route } from "../../http/route.ts";
import { contextExample, contextParams, contextSchema } from "../../schemas/context-schema.ts";
import { emptyBody } from "../../schemas/empty-body.ts";
import type { RouteDeps } from "../route-deps.ts";
import { contextIdOf } from "./context-id-of.ts";

type Deps = Pick<RouteDeps, "contexts" | "objects" | "nudgeContexts">;

/** `POST /contexts/{id}/complete` */
export function completeContext(deps: Deps): Route {
  return defineRoute({
    method: "post",
    path: "/contexts/{id}/complete",
    operationId: "completeContext",
    tag: "Contexts",
    summary: "Say that a context is uploaded",
    description:
      "The object must have the size and the checksum that were promised. Else it is removed, and the answer is " +
      "`failed_precondition`, reason `upload_mismatch`; the upload may be tried again. What is `ready` already is answered as it is.",
    scope: "contexts:write",
    params: contextParams,
    body: emptyBody,
    success: { status: 200, description: "The context.", data: contextSchema, example: contextExample },
    errors: ["not_found", "failed_precondition"],
    async handle({ principal: { tenantId }, params, signal }) {
      const id = contextIdOf(params);
      const context = await completeUpload({ ...deps, objects: objectsOf(deps) }, { tenantId, id, signal });
      deps.nudgeContexts();
      return { data: context };
    },
  });
}

/** `DELETE /contexts/{id}` */
export function deleteContext({ contexts, nudgeContexts }: Deps): Route {
  return defineRoute({
    method: "delete",
    path: "/contexts/{id}",
    operationId: "deleteContext",
    tag: "Contexts",
    summary: "Remove a context",
    description:
      "Nobody is given a way to it any more; its object and what was made of it are removed moments later. Tasks that refer " +
      "to it keep the reference.",
    scope: "contexts:write",
    params: contextParams,
    success: { status: 200, description: "The context as it was last.", data: contextSchema, example: contextExample },
    errors: ["not_found"],
    async handle({ principal: { tenantId }, params }) {
      const id = contextIdOf(params);
      const context = (await contexts.find(tenantId, id)) ?? refuseUnknown(id);
      if (!(await contexts.delete(tenantId, id))) refuseUnknown(id);
      nudgeContexts();
      return { data: context };
    },
  });
}
