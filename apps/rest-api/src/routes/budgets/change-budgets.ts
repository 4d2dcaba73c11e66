import {
  type BudgetId,
  budgetUpdateSchema as budgetUpdate,
  maxCapsPerTenant,
  newStandingBudgetSchema as newBudget,
  parseWith,
} from "@devmesh/models";
import { readRequestKey } from "../../http/idempotency-key.ts";
import { defineRoute, type Route } from "../../http/route.ts";
import {
  budgetExample,
  budgetSchema,
  budgetUpdateSchema,
  capParams,
  newBudgetExample,
  newBudgetSchema,
} from "../../schemas/cap-schema.ts";
import { creatingHeaders } from "../../schemas/creating-headers.ts";
import { noAgent } from "../agents/find-agent.ts";
import type { RouteDeps } from "../route-deps.ts";
import { budgetIdOf, noBudget } from "./read-budgets.ts";

const maxBodyBytes = 16_384;

/** `POST /budgets` */
export function createBudget({ budgets, agents, newId }: Pick<RouteDeps, "budgets" | "agents" | "newId">): Route {
  return defineRoute({
    method: "post",
    path: "/budgets",
    operationId: "createBudget",
    tag: "Budgets",
    summary: "Cap what the tenant or an agent spends",
    description:
      "Counts what is assigned from now on. One for each scope, agent, unit and period; at most " +
      `${maxCapsPerTenant} a tenant. An agent is named by id or name.`,
    scope: "admin",
    headers: creatingHeaders.pick({ "idempotency-key": true }),
    body: { schema: newBudgetSchema, example: newBudgetExample, maxBytes: maxBodyBytes },
    success: {
      status: 201,
      description: "The budget.",
      data: budgetSchema,
      example: budgetExample,
      headers: {
        Location: "Where the budget is.",
        "Idempotent-Replay": "`true` where this is the stored first answer.",
      },
    },
    errors: ["not_found", "conflict"],
    async handle({ principal, headers, body }) {
      const { scope, unit, period, cap, ...rest } = parseWith(newBudget, body);
      const key = readRequestKey({ principal, headers, body });
      const { tenantId } = principal;
      const agent = "agent" in rest ? await agents.find(tenantId, rest.agent) : undefined;
      if ("agent" in rest && agent === undefined) throw noAgent(rest.agent);
      const budget = { scope, agentId: agent?.id, unit, period, cap };
      const asked = { id: newId() as BudgetId, budget, max: maxCapsPerTenant, key };
      const { made, isReplay } = await budgets.create(tenantId, asked);
      const location = `/api/v1/budgets/${made.id}`;
      return { status: 201, data: made, headers: { location, ...(isReplay && { "idempotent-replay": "true" }) } };
    },
  });
}

/** `PATCH /budgets/{id}` */
export function updateBudget({ budgets, engine }: Pick<RouteDeps, "budgets" | "engine">): Route {
  return defineRoute({
    method: "patch",
    path: "/budgets/{id}",
    operationId: "updateBudget",
    tag: "Budgets",
    summary: "Raise or lower a budget",
    description: "Those of tasks and trees too. What was assigned goes on; tasks that fit now leave their wait.",
    scope: "admin",
    params: capParams,
    body: { schema: budgetUpdateSchema, example: { cap: 100_000_000 }, maxBytes: maxBodyBytes },
    success: { status: 200, description: "The budget.", data: budgetSchema, example: budgetExample },
    errors: ["not_found"],
    async handle({ principal: { tenantId }, params, body }) {
      const id = budgetIdOf(params);
      const budget = await budgets.update(tenantId, id, parseWith(budgetUpdate, body).cap);
      if (budget === undefined) throw noBudget(id);
      engine.requestAssignment({ lanes: [], agents: [], budgets: [{ tenantId, budgetId: id }] });
      return { data: budget };
    },
  });
}

/** `DELETE /budgets/{id}` */
export function deleteBudget({ budgets, engine }: Pick<RouteDeps, "budgets" | "engine">): Route {
  return defineRoute({
    method: "delete",
    path: "/budgets/{id}",
    operationId: "deleteBudget",
    tag: "Budgets",
    summary: "Remove a budget",
    scope: "admin",
    params: capParams,
    success: { status: 200, description: "The budget as it was last.", data: budgetSchema, example: budgetExample },
    errors: ["not_found"],
    async handle({ principal: { tenantId }, params }) {
      const id = budgetIdOf(params);
      const budget = await budgets.delete(tenantId, id);
      if (budget === undefined) throw noBudget(id);
      engine.requestAssignment({ lanes: [], agents: [], budgets: [{ tenantId, budgetId: id }] });
      return { data: budget };
    },
  });
}
