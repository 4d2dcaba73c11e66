import { type AgentId, AppError, type BudgetId, budgetScopes, parseId, type TaskId } from "@devmesh/models";
import { z } from "@hono/zod-openapi";
import { cursorParameter, cutPage, encodeCursor, limitParameter, pageMeta } from "../../http/page.ts";
import { defineRoute, type Route } from "../../http/route.ts";
import { budgetExample, budgetSchema, capParams } from "../../schemas/cap-schema.ts";
import type { RouteDeps } from "../route-deps.ts";

const listQuery = z.object({
  limit: limitParameter,
  cursor: cursorParameter,
  scope: z.enum(budgetScopes).optional(),
  subject: z
    .uuid()
    .transform((id) => id.toLowerCase() as AgentId | TaskId)
    .optional()
    .openapi({ type: "string", format: "uuid", description: "The agent or the task that they belong to." }),
});

/** `GET /budgets` */
export function listBudgets({ budgets }: Pick<RouteDeps, "budgets">): Route {
  return defineRoute({
    method: "get",
    path: "/budgets",
    operationId: "listBudgets",
    tag: "Budgets",
    summary: "List budgets, newest first",
    description: "Those that came with tasks as well.",
    scope: "tasks:read",
    query: listQuery,
    success: {
      status: 200,
      description: "A page.",
      data: z.array(budgetSchema),
      isPaged: true,
      example: [budgetExample],
    },
    async handle({ principal: { tenantId }, query: { limit, cursor, scope, subject } }) {
      const found = await budgets.list(tenantId, { scope, subjectId: subject }, { limit: limit + 1, after: cursor });
      const page = cutPage(found, { limit, cursorOf: ({ createdAt, id }) => encodeCursor({ at: createdAt, id }) });
      return { data: page.items, meta: pageMeta(page) };
    },
  });
}

/** `GET /budgets/{id}` */
export function getBudget({ budgets }: Pick<RouteDeps, "budgets">): Route {
  return defineRoute({
    method: "get",
    path: "/budgets/{id}",
    operationId: "getBudget",
    tag: "Budgets",
    summary: "Get one budget",
    scope: "tasks:read",
    params: capParams,
    success: { status: 200, description: "The budget.", data: budgetSchema, example: budgetExample },
    errors: ["not_found"],
    async handle({ principal: { tenantId }, params }) {
      const id = budgetIdOf(params);
      const budget = await budgets.find(tenantId, id);
      if (budget === undefined) throw noBudget(id);
      return { data: budget };
    },
  });
}

/** The budget that a path names. @throws AppError `not_found` for what is no id. */
export function budgetIdOf(params: Readonly<Record<string, string>>): BudgetId {
  return parseId<BudgetId>(params["id"] ?? "", "budget");
}

/** For a budget that the tenant does not have. */
export function noBudget(id: BudgetId): AppError {
  return new AppError("not_found", `no budget ${id}`);
}
