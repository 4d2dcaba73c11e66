import { isFinal } from "@devmesh/models";
import { z } from "@hono/zod-openapi";
import { findStanding } from "../../event-stream.ts";
import { integerParameter } from "../../http/query.ts";
import { defineRoute, type Route } from "../../http/route.ts";
import { idParams, taskExample, taskSchema } from "../../schemas/task-schema.ts";
import { getTask, taskIdOf } from "../../task-view.ts";
import type { RouteDeps } from "../route-deps.ts";

const waitQuery = z.object({
  timeoutMs: integerParameter({
    min: 0,
    max: 60_000,
    fallback: 30_000,
    description: "After this time the task is answered as it is.",
  }),
});

type WaitDeps = Pick<RouteDeps, "reads" | "waiters" | "stopping">;
type Awaited = Parameters<typeof findStanding>[1];

/** `GET /tasks/{id}/wait` */
export function waitForTask(deps: WaitDeps): Route {
  return defineRoute({
    method: "get",
    path: "/tasks/{id}/wait",
    operationId: "waitForTask",
    tag: "Tasks",
    summary: "Wait until a task is final",
    description: "Answers when the task is final, or with its present state after the time.",
    scope: "tasks:read",
    params: idParams,
    query: waitQuery,
    success: { status: 200, description: "The whole task.", data: taskSchema, example: taskExample },
    errors: ["not_found"],
    async handle({ principal: { tenantId }, params, query: { timeoutMs }, signal }) {
      const ref = { tenantId, taskId: taskIdOf(params) };
      await waitUntilFinal(deps, ref, { timeoutMs, signal: AbortSignal.any([signal, deps.stopping]) });
      return { data: await getTask(deps.reads, ref) };
    },
  });
}

async function waitUntilFinal(
  { reads, waiters }: WaitDeps,
  ref: Awaited,
  { timeoutMs, signal }: { readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<void> {
  const until = performance.now() + timeoutMs;
  // watched before the first look: what changes between the two is heard
  using watch = timeoutMs === 0 ? undefined : waiters.watch(ref);
  const first = await findStanding(reads, ref);
  if (watch === undefined || isFinal(first.state)) return;
  while (!signal.aborted) {
    // the watch may know an older state than the first look found
    const { standing } = watch;
    if (standing !== undefined && standing.eventSeq >= first.eventSeq && isFinal(standing.state)) return;
    const leftMs = Math.ceil(until - performance.now());
    if (leftMs <= 0) return;
    await watch.changed(leftMs, signal);
  }
}
