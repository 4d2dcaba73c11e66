import type { Principal } from "@devmesh/auth";
import { AppError, type DeadLetter, maxRedrives, parseWith, type TaskId } from "@devmesh/models";
import { defineRoute, type Route } from "../../http/route.ts";
import { deadLetterExample, deadLetterParams, deadLetterSchema } from "../../schemas/dead-letter-schema.ts";
import type { RouteDeps } from "../route-deps.ts";
import { deadLetterIdOf, findDeadLetter, tenantsOf } from "./dead-letter-view.ts";
import { type RedriveDeps, redriveBody, redriveBodySchema, redriveTask } from "./redrive-task.ts";

type Deps = RedriveDeps & Pick<RouteDeps, "deadLetters" | "nudgeRedrives">;

/** `POST /dlq/{id}/redrive` */
export function redriveDeadLetter(deps: Deps): Route {
  return defineRoute({
    method: "post",
    path: "/dlq/{id}/redrive",
    operationId: "redriveDeadLetter",
    tag: "Dead letters",
    summary: "Redrive one dead letter",
    description:
      `A task goes back to the start with fresh attempts; a message is claimed, \`redriving\`, and the worker sends it. Past ` +
      `${maxRedrives} redrives it is refused, reason \`redrive_limit\`, unless \`force\` is true.`,
    scope: "dlq:write",
    params: deadLetterParams,
    body: redriveBody,
    success: {
      status: 200,
      description: "The dead letter as it is now.",
      data: deadLetterSchema,
      example: { ...deadLetterExample, state: "redriven", redrives: 1 },
    },
    errors: ["not_found", "conflict", "failed_precondition"],
    async handle({ principal, params, body }) {
      const { force = false } = parseWith(redriveBodySchema, body ?? {});
      const id = deadLetterIdOf(params);
      const { letter } = await findDeadLetter(deps, principal, id);
      if (letter.kind === "task") await redriveTask(deps, principal, { taskId: id as TaskId, force });
      else await claimMessage(deps, principal, { letter, force });
      return { data: (await findDeadLetter(deps, principal, id)).letter };
    },
  });
}

/** @throws AppError `failed_precondition` where it is past the limit, or not dead. */
async function claimMessage(
  deps: Deps,
  principal: Principal,
  { letter: { id }, force }: { readonly letter: DeadLetter; readonly force: boolean },
): Promise<void> {
  const order = { by: principal.id, force };
  const tenants = tenantsOf(principal);
  if ((await deps.deadLetterWrites.claimMessages(tenants, [id], order)).has(id)) {
    deps.nudgeRedrives();
    return;
  }
  const error = whyNotClaimed((await findDeadLetter(deps, principal, id)).letter);
  await deps.deadLetterWrites.noteRefusals(tenants, [{ id, outcome: "refused", detail: error.message }], order);
  deps.onRedrive("refused");
  throw error;
}

function whyNotClaimed({ id, state, redrives }: DeadLetter): AppError {
  if (state !== "dead") return new AppError("failed_precondition", `message ${id} is ${state}, not dead`);
  const message = `message ${id} was redriven ${redrives} times: past ${maxRedrives} it needs force`;
  return new AppError("failed_precondition", message, { reason: "redrive_limit" });
}
