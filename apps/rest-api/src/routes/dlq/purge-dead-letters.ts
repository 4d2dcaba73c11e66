import { AppError } from "@devmesh/models";
import { z } from "@hono/zod-openapi";
import { defineRoute, type Route } from "../../http/route.ts";
import {
  deadLetterExample,
  deadLetterParams,
  deadLetterSchema,
  filterFields,
  olderThanParameter,
  toFilter,
} from "../../schemas/dead-letter-schema.ts";
import type { RouteDeps } from "../route-deps.ts";
import { deadLetterIdOf, findDeadLetter, tenantsOf } from "./dead-letter-view.ts";

type Deps = Pick<RouteDeps, "deadLetters" | "deadLetterWrites" | "nudgeRedrives">;

/** Rows of one statement: short transactions, however many match. */
const purgedAtOnce = 1_000;

/** `DELETE /dlq/{id}` */
export function purgeDeadLetter(deps: Deps): Route {
  return defineRoute({
    method: "delete",
    path: "/dlq/{id}",
    operationId: "purgeDeadLetter",
    tag: "Dead letters",
    summary: "Purge one dead letter",
    description:
      "A task leaves this view and stays `failed`; retried and failed again it comes back. A message is deleted from SQS, and " +
      "its payload here at once.",
    scope: "dlq:write",
    params: deadLetterParams,
    success: {
      status: 200,
      description: "The dead letter as it was last.",
      data: deadLetterSchema,
      example: deadLetterExample,
    },
    errors: ["not_found", "failed_precondition"],
    async handle({ principal, params }) {
      const id = deadLetterIdOf(params);
      const { letter } = await findDeadLetter(deps, principal, id);
      if (!(await deps.deadLetterWrites.purge(tenantsOf(principal), id, principal.id))) {
        const now = (await findDeadLetter(deps, principal, id)).letter;
        throw new AppError("failed_precondition", `${now.kind} ${id} is ${now.state}, not dead`);
      }
      deps.nudgeRedrives();
      return { data: letter };
    },
  });
}

const purgeQuery = z.object({
  ...filterFields,
  olderThanMs: olderThanParameter,
  all: z.literal("true").optional().openapi({ description: "Everything; given alone." }),
});

/** `DELETE /dlq` */
export function purgeDeadLetters(deps: Deps): Route {
  return defineRoute({
    method: "delete",
    path: "/dlq",
    operationId: "purgeDeadLetters",
    tag: "Dead letters",
    summary: "Purge all dead letters that match a filter",
    description: "At least one filter must be given, or `all=true` alone.",
    scope: "dlq:write",
    query: purgeQuery,
    success: {
      status: 200,
      description: "How many were purged.",
      data: z.object({ purged: z.int() }),
      example: { purged: 12 },
    },
    async handle({ principal, query: { all, ...given }, signal }) {
      const filter = toFilter(given);
      assertMeant(Object.keys(filter).length > 0, all === "true");
      let purged = 0;
      for (let latest = purgedAtOnce; latest >= purgedAtOnce && !signal.aborted; purged += latest) {
        const how = { by: principal.id, limit: purgedAtOnce };
        latest = await deps.deadLetterWrites.purgeMatching(tenantsOf(principal), filter, how);
      }
      if (purged > 0) deps.nudgeRedrives();
      return { data: { purged } };
    },
  });
}

function assertMeant(isFiltered: boolean, isAll: boolean): void {
  if (isFiltered !== isAll) return;
  const message = isAll ? "is given beside a filter" : "no filter is given: all=true purges everything";
  throw new AppError("invalid_argument", `all: ${message}`, { details: [{ path: "all", message }] });
}
