import { AppError, parseId } from "@devmesh/models";
import { z } from "@hono/zod-openapi";
import { cursorParameter, cutPage, encodeCursor, limitParameter, pageMeta } from "../../http/page.ts";
import { defineRoute, type Route } from "../../http/route.ts";
import { redriveJobExample, redriveJobSchema } from "../../schemas/dead-letter-schema.ts";
import { emptyBody } from "../../schemas/empty-body.ts";
import type { RouteDeps } from "../route-deps.ts";

type Deps = Pick<RouteDeps, "redriveJobs" | "nudgeRedrives">;

const jobParams = z.object({
  id: z.string().openapi({ description: "The job's id.", example: redriveJobExample.id }),
});

/** `GET /dlq/redrives` */
export function listRedrives({ redriveJobs }: Deps): Route {
  return defineRoute({
    method: "get",
    path: "/dlq/redrives",
    operationId: "listRedrives",
    tag: "Dead letters",
    summary: "List bulk redrives, newest first",
    scope: "dlq:read",
    query: z.object({ limit: limitParameter, cursor: cursorParameter }),
    success: {
      status: 200,
      description: "A page.",
      data: z.array(redriveJobSchema),
      isPaged: true,
      example: [redriveJobExample],
    },
    async handle({ principal: { tenantId }, query: { limit, cursor } }) {
      const found = await redriveJobs.list(tenantId, { limit: limit + 1, after: cursor });
      const page = cutPage(found, { limit, cursorOf: ({ createdAt, id }) => encodeCursor({ at: createdAt, id }) });
      return { data: page.items, meta: pageMeta(page) };
    },
  });
}

/** `GET /dlq/redrives/{id}` */
export function getRedrive({ redriveJobs }: Deps): Route {
  return defineRoute({
    method: "get",
    path: "/dlq/redrives/{id}",
    operationId: "getRedrive",
    tag: "Dead letters",
    summary: "How far a bulk redrive has come",
    scope: "dlq:read",
    params: jobParams,
    success: { status: 200, description: "The job.", data: redriveJobSchema, example: redriveJobExample },
    errors: ["not_found"],
    async handle({ principal: { tenantId }, params }) {
      const id = parseId<string>(params["id"] ?? "", "redrive");
      return { data: (await redriveJobs.find(tenantId, id)) ?? refuseUnknown(id) };
    },
  });
}

/** `POST /dlq/redrives/{id}/stop` */
export function stopRedrive({ redriveJobs, nudgeRedrives }: Deps): Route {
  return defineRoute({
    method: "post",
    path: "/dlq/redrives/{id}/stop",
    operationId: "stopRedrive",
    tag: "Dead letters",
    summary: "Stop a bulk redrive",
    description: "Within a second of the worker's attention. A finished one is answered as it is.",
    scope: "dlq:write",
    params: jobParams,
    body: emptyBody,
    success: {
      status: 200,
      description: "The job: `stopping`, or finished.",
      data: redriveJobSchema,
      example: { ...redriveJobExample, state: "stopping" },
    },
    errors: ["not_found"],
    async handle({ principal: { tenantId }, params }) {
      const id = parseId<string>(params["id"] ?? "", "redrive");
      const job = await redriveJobs.stop(tenantId, id);
      nudgeRedrives();
      return { data: job ?? refuseUnknown(id) };
    },
  });
}

function refuseUnknown(id: string): never {
  throw new AppError("not_found", `no redrive ${id}`);
}
