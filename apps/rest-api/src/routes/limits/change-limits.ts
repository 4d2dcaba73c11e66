import {
  type LimitId,
  limitUpdateSchema as limitUpdate,
  maxCapsPerTenant,
  newLimitSchema as newLimit,
  parseWith,
} from "@devmesh/models";
import { readRequestKey } from "../../http/idempotency-key.ts";
import { defineRoute, type Route } from "../../http/route.ts";
import {
  capParams,
  limitExample,
  limitSchema,
  limitUpdateSchema,
  newLimitExample,
  newLimitSchema,
} from "../../schemas/cap-schema.ts";
import { creatingHeaders } from "../../schemas/creating-headers.ts";
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
    headers: creatingHeaders.pick({ "idempotency-key": true }),
    body: { schema: newLimitSchema, example: newLimitExample, maxBytes: maxBodyBytes },
    success: {
      status: 201,
      description: "The limit.",
      data: limitSchema,
      example: limitExample,
      headers: {
        Location: "Where the limit is.",
        "Idempotent-Replay": "`true` where this is the stored first answer.",
      },
    },
    errors: ["conflict"],
    async handle({ principal, headers, body }) {
      const limit = parseWith(newLimit, body);
      const key = readRequestKey({ principal, headers, body });
      const asked = { id: newId() as LimitId, limit, max: maxCapsPerTenant, key };
      const { made, isReplay } = await limits.create(principal.tenantId, asked);
      const location = `/api/v1/limits/${made.id}`;
      return { status: 201, data: made, headers: { location, ...(isReplay && { "idempotent-replay": "true" }) } };
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
