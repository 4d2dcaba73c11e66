import type { Principal } from "@devmesh/auth";
import { type TaskId, toAppError } from "@devmesh/models";
import { z } from "@hono/zod-openapi";
import type { RouteBody } from "../../http/route.ts";
import type { RouteDeps } from "../route-deps.ts";
import { assertRecorded } from "../tasks/assert-recorded.ts";

/** `force`: past three redrives of the same thing too. */
export const redriveBodySchema = z.object({ force: z.boolean().optional() }).meta({ id: "Redrive" });

export const redriveBody: RouteBody = {
  schema: redriveBodySchema,
  example: { force: true },
  maxBytes: 65_536,
  isOptional: true,
};

export type RedriveDeps = Pick<RouteDeps, "engine" | "deadLetterWrites" | "nudgeOutbox" | "onRedrive">;

/** Redrives a task on demand; every try is counted, and a refused one is in the audit as well. @throws the refusal. */
export async function redriveTask(
  { engine, deadLetterWrites, nudgeOutbox, onRedrive }: RedriveDeps,
  { tenantId, id: by }: Principal,
  { taskId, force }: { readonly taskId: TaskId; readonly force: boolean },
): Promise<void> {
  const outcome = await engine.redrive({ tenantId, taskId }, { by, force });
  if (outcome.kind === "refused") {
    const detail = toAppError(outcome.error).message;
    await deadLetterWrites.noteRefusals([tenantId], [{ id: taskId, outcome: "refused", detail }], { by, force });
    onRedrive("refused");
  }
  assertRecorded(outcome);
  onRedrive("redriven");
  nudgeOutbox();
}
