import { AppError } from "@devmesh/models";
import { findStanding, toBody } from "@devmesh/runtime";
import { z } from "@hono/zod-openapi";
import { writeEvents } from "../../event-stream.ts";
import { defineRoute, type Route } from "../../http/route.ts";
import { idParams } from "../../schemas/task-schema.ts";
import { taskIdOf } from "../../task-view.ts";
import type { RouteDeps } from "../route-deps.ts";

type StreamDeps = Pick<RouteDeps, "reads" | "waiters" | "stopping" | "keepAliveMs" | "logger">;

/** `GET /tasks/{id}/stream` */
export function streamTaskEvents(deps: StreamDeps): Route {
  return defineRoute({
    method: "get",
    path: "/tasks/{id}/stream",
    operationId: "streamTaskEvents",
    tag: "Tasks",
    summary: "Follow a task's history as server-sent events",
    description:
      "From the first event on, live: `id:` is its `seq`, `event:` its type, `data:` the event. Ends after the final state.",
    scope: "tasks:read",
    params: idParams,
    headers: z.object({
      "last-event-id": z
        .string()
        .regex(/^\d{1,9}$/)
        .optional()
        .openapi({ description: "The `seq` of the last event that was received: goes on after it." }),
    }),
    success: {
      status: 200,
      description: "The stream.",
      data: z.string(),
      mediaType: "text/event-stream",
      example:
        'id: 1\nevent: task.created\ndata: {"seq":1,"type":"task.created","at":"2026-11-30T00:00:00.000Z","data":{}}\n\n',
    },
    errors: ["not_found"],
    async handle({ principal: { tenantId }, params, headers, signal, requestId }) {
      const taskId = taskIdOf(params);
      const { eventSeq } = await findStanding(deps.reads, { tenantId, taskId });
      const afterSeq = readLastEventId(headers, eventSeq);
      return openStream(deps, { tenantId, taskId, afterSeq, signal, requestId });
    },
  });
}

function openStream(
  deps: StreamDeps,
  request: Pick<Parameters<typeof writeEvents>[0], "tenantId" | "taskId" | "afterSeq" | "signal"> & {
    readonly requestId: string;
  },
): Response {
  const { reads, waiters, stopping, keepAliveMs, logger } = deps;
  const { tenantId, taskId, afterSeq, requestId } = request;
  const watch = waiters.watch({ tenantId, taskId });
  const ended = new AbortController();
  const signal = AbortSignal.any([request.signal, stopping, ended.signal]);
  const end = (err?: unknown): void => {
    if (err !== undefined) logger.warn({ err, requestId, taskId }, "event stream broke off");
    ended.abort();
    watch[Symbol.dispose]();
  };
  // a client may go away before it reads anything
  request.signal.addEventListener("abort", () => end(), { once: true });
  const source = writeEvents({ reads, watch, tenantId, taskId, afterSeq, signal, keepAliveMs });
  const headers = {
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-cache, no-transform",
    "x-accel-buffering": "no",
  };
  return new Response(toBody(source, end), { headers });
}

function readLastEventId(headers: Headers, eventSeq: number): number {
  const text = headers.get("last-event-id");
  if (text === null || text === "") return 0;
  const seq = /^\d{1,9}$/.test(text) ? Number(text) : undefined;
  if (seq !== undefined && seq <= eventSeq) return seq;
  const message = `${JSON.stringify(text.slice(0, 80))} is no event of this task, whose last is ${eventSeq}`;
  throw new AppError("invalid_argument", `Last-Event-ID: ${message}`, {
    details: [{ path: "Last-Event-ID", message }],
  });
}
