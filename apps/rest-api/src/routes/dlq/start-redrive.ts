import { parseWith } from "@devmesh/models";
import { z } from "@hono/zod-openapi";
import { readRequestKey } from "../../http/idempotency-key.ts";
import { defineRoute, type Route } from "../../http/route.ts";
import { creatingHeaders } from "../../schemas/creating-headers.ts";
import { filterSchema, redriveJobExample, redriveJobSchema, toFilter } from "../../schemas/dead-letter-schema.ts";
import type { RouteDeps } from "../route-deps.ts";
import { tenantsOf } from "./dead-letter-view.ts";

const startSchema = z
  .strictObject({
    filter: filterSchema,
    ratePerSecond: z.int().min(1).max(1_000).optional(),
    force: z.boolean().optional(),
  })
  .meta({ id: "BulkRedrive" });

const defaultRatePerSecond = 10;

/** `POST /dlq/redrive` */
export function startRedrive({
  redriveJobs,
  newId,
  nudgeRedrives,
}: Pick<RouteDeps, "redriveJobs" | "newId" | "nudgeRedrives">): Route {
  return defineRoute({
    method: "post",
    path: "/dlq/redrive",
    operationId: "startRedrive",
    tag: "Dead letters",
    summary: "Redrive all dead letters that match a filter, at a bounded rate",
    description:
      "The worker carries it out, oldest death first, 10 a second unless `ratePerSecond` says otherwise. What is past the limit " +
      "of redrives is skipped, unless `force` is true. A filter of one SQS queue alone, by a key with the scope " +
      "`admin`, lets SQS move the whole dead-letter queue where it can.",
    scope: "dlq:write",
    headers: creatingHeaders.pick({ "idempotency-key": true }),
    body: { schema: startSchema, example: { filter: { type: "code.review" }, ratePerSecond: 10 }, maxBytes: 65_536 },
    success: {
      status: 202,
      description: "The job, which `GET /dlq/redrives/{id}` follows.",
      data: redriveJobSchema,
      example: { ...redriveJobExample, state: "queued", done: 0, skipped: 0 },
      headers: { Location: "Where the job is.", "Idempotent-Replay": "`true` where this is the stored first answer." },
    },
    errors: ["conflict"],
    async handle({ principal, headers, body }) {
      const { filter, ratePerSecond = defaultRatePerSecond, force = false } = parseWith(startSchema, body);
      const key = readRequestKey({ principal, headers, body });
      const { job, isReplay } = await redriveJobs.create(principal.tenantId, {
        id: newId(),
        tenants: tenantsOf(principal),
        filter: toFilter(filter),
        ratePerSecond,
        force,
        by: principal.id,
        key,
      });
      nudgeRedrives();
      const location = `/api/v1/dlq/redrives/${job.id}`;
      return { status: 202, data: job, headers: { location, ...(isReplay && { "idempotent-replay": "true" }) } };
    },
  });
}
