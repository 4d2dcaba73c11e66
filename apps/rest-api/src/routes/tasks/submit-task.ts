import { parseTraceparent } from "@devmesh/models";
import { readIdempotencyKey } from "../../http/idempotency-key.ts";
import { defineRoute, type Route } from "../../http/route.ts";
import { creatingHeaders } from "../../schemas/creating-headers.ts";
import { submissionExample, submissionSchema, taskExample, taskSchema } from "../../schemas/task-schema.ts";
import type { RouteDeps } from "../route-deps.ts";

/** Largest body, also of everything but a batch. */
export const maxBodyBytes = 4 * 1_048_576;

/** `POST /tasks` */
export function submitTask({ engine, nudgeOutbox }: Pick<RouteDeps, "engine" | "nudgeOutbox">): Route {
  return defineRoute({
    method: "post",
    path: "/tasks",
    operationId: "submitTask",
    tag: "Tasks",
    summary: "Submit a task",
    description: "Answers once the task is durable.",
    scope: "tasks:write",
    headers: creatingHeaders,
    body: { schema: submissionSchema, example: submissionExample, maxBytes: maxBodyBytes },
    success: {
      status: 201,
      description: "The task as it was written.",
      data: taskSchema,
      example: taskExample,
      headers: { Location: "Where the task is.", "Idempotent-Replay": "`true` where this is the stored first answer." },
    },
    errors: ["conflict"],
    async handle({ principal, headers, body }) {
      const { task, isReplay } = await engine.submit(
        {
          tenantId: principal.tenantId,
          principalId: principal.id,
          idempotencyKey: readIdempotencyKey(headers),
          traceparent: parseTraceparent(headers.get("traceparent") ?? undefined),
        },
        body,
      );
      if (!isReplay) nudgeOutbox();
      return {
        status: 201,
        data: task,
        headers: { location: `/api/v1/tasks/${task.id}`, ...(isReplay && { "idempotent-replay": "true" }) },
      };
    },
  });
}
