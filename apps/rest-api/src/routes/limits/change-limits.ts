import {
  AppError,
  type LimitId,
  limitUpdateSchema as limitUpdate,
  maxCapsPerTenant,
  newLimitSchema as newLimit,
  parseWith,
} from "@devmesh/models";
import { defineRoute, type Route } from "../../http/route.ts";
import {
  capParams,
  limitExample,
  limitSchema,
  limitUpdateSchema,
  newLimitExample,
  newLimitSchema,
} from "../../schemas/cap-schema.ts";
import type { RouteDeps } from "../route-deps.ts";
import { limitIdOf, noLimit } from "./read-limits.ts";

const maxBodyBytes = 16_384;

/** `POST /limits` */
export function createLimit({ limits, newId }: Pick<RouteDeps, "limits" | "newId">): Route {
  return defineRoute({
    method: "post",
    path: "/limits",
    operationId: "createLimit",
    tag: "Limits",
    summary: "Limit how much is in flight",
    description: `Counts what is assigned from now on. At most ${maxCapsPerTenant} limits a tenant.`,
    scope: "admin",
    body: { schema: newLimitSchema, example: newLimitExample, maxBytes: maxBodyBytes },
    success: { status: 201, description: "The limit.", data: limitSchema, example: limitExample },
    errors: ["conflict"],
    async handle({ principal: { tenantId }, body }) {
      const asked = parseWith(newLimit, body);
      const made = await limits.create(tenantId, newId() as LimitId, asked, maxCapsPerTenant);
      if (made === "too_many") {
        throw new AppError("failed_precondition", `the tenant has ${maxCapsPerTenant} limits already, the most it may`);
      }
      if (made === "taken") {
        const value = asked.kind === "tenant" ? "" : ` ${JSON.stringify(asked.value)}`;
        throw new AppError("conflict", `there is a limit of the ${asked.kind}${value} already`);
      }
      return { status: 201, data: made };
    },
  });
}

/** `PATCH /limits/{id}` */
export function updateLimit({ limits, engine }: Pick<RouteDeps, "limits" | "engine">): Route {
  return defineRoute({
    method: "patch",
    path: "/limits/{id}",
    operationId: "updateLimit",
    tag: "Limits",
    summary: "Raise or lower a limit",
    description: "What is in flight above a lowered limit goes on; nothing is added until it fits. 0 stops all.",
    scope: "admin",
    params: capParams,
    body: { schema: limitUpdateSchema, example: { maxInFlight: 20 }, maxBytes: maxBodyBytes },
    success: { status: 200, description: "The limit.", data: limitSchema, example: limitExample },
    errors: ["not_found"],
    async handle({ principal: { tenantId }, params, body }) {
      const id = limitIdOf(params);
      const limit = await limits.update(tenantId, id, parseWith(limitUpdate, body).maxInFlight);
      if (limit === undefined) throw noLimit(id);
      engine.requestAssignment({ lanes: [], agents: [], limits: [{ tenantId, limitId: id }] });
      return { data: limit };
    },
  });
}

/** `DELETE /limits/{id}` */
export function deleteLimit({ limits, engine }: Pick<RouteDeps, "limits" | "engine">): Route {
  return defineRoute({
    method: "delete",
    path: "/limits/{id}",
    operationId: "deleteLimit",
    tag: "Limits",
    summary: "Remove a limit",
    scope: "admin",
    params: capParams,
    success: { status: 200, description: "The limit as it was last.", data: limitSchema, example: limitExample },
    errors: ["not_found"],
    async handle({ principal: { tenantId }, params }) {
      const id = limitIdOf(params);
      const deleted = await limits.delete(tenantId, id);
      if (deleted === undefined) throw noLimit(id);
      engine.requestAssignment({ lanes: deleted.laneIds.map((laneId) => ({ tenantId, laneId })), agents: [] });
      return { data: deleted.limit };
    },
  });
}
