import { parseTraceparent, parseWith } from "@devmesh/models";
import { z } from "@hono/zod-openapi";
import { readIdempotencyKey } from "../../http/idempotency-key.ts";
import { defineRoute, type Route } from "../../http/route.ts";
import { creatingHeaders } from "../../schemas/creating-headers.ts";
import { batchResultSchema, batchSchema, submissionExample, taskExample } from "../../schemas/task-schema.ts";
import type { RouteDeps } from "../route-deps.ts";

/** 500 tasks of everyday size; larger inputs travel in several batches. */
const maxBatchBytes = 16 * 1_048_576;

/** Each task is left as it is: the engine parses it, so that a bad one stops no other. */
const looseBatchSchema = z.object({ tasks: z.array(z.unknown()) });

/** `POST /tasks/batch` */
export function submitBatch({ engine, nudgeOutbox }: Pick<RouteDeps, "engine" | "nudgeOutbox">): Route {
  return defineRoute({
    method: "post",
    path: "/tasks/batch",
    operationId: "submitTaskBatch",
    tag: "Tasks",
    summary: "Submit up to 500 tasks",
    description: "In one transaction, each task with its own result: a bad one does not stop the others.",
    scope: "tasks:write",
    headers: creatingHeaders,
    body: {
      schema: batchSchema,
      example: {
        tasks: [
          { ...submissionExample, ref: "review" },
          { type: "code.merge", dependsOn: ["ref:review"] },
        ],
      },
      maxBytes: maxBatchBytes,
    },
    success: {
      status: 200,
      description: "A task or an error for each, in the order given.",
      data: z.array(batchResultSchema),
      example: [{ task: taskExample }],
      headers: { "Idempotent-Replay": "`true` where this is the stored first answer." },
    },
    errors: ["conflict"],
    async handle({ principal, headers, body, requestId }) {
      const { tasks } = parseWith(looseBatchSchema, body);
      const { results, isReplay } = await engine.submitBatch(
        {
          tenantId: principal.tenantId,
          principalId: principal.id,
          idempotencyKey: readIdempotencyKey(headers),
          traceparent: parseTraceparent(headers.get("traceparent") ?? undefined),
        },
        tasks,
      );
      if (!isReplay) nudgeOutbox();
      return {
        data: results.map((result) => ("error" in result ? { error: { ...result.error, requestId } } : result)),
        headers: isReplay ? { "idempotent-replay": "true" } : {},
      };
    },
  });
}
