import {
  budgetPeriods,
  budgetScopes,
  budgetUnits,
  budgetUpdateSchema as budgetUpdate,
  limitKinds,
  limitUpdateSchema as limitUpdate,
  newStandingBudgetSchema as newBudget,
  newLimitSchema as newLimit,
} from "@devmesh/models";
import { z } from "@hono/zod-openapi";

const timeSchema = z.iso.datetime().meta({ description: "RFC 3339, UTC, with milliseconds." });
const exampleId = "019ad9b5-6c00-7000-8000-000000000021";
const exampleTimes = { createdAt: "2026-11-30T00:00:00.000Z", updatedAt: "2026-11-30T00:00:00.000Z" };

/** An id in a path. What is no id names nothing, and is answered as `not_found`. */
export const capParams = z.object({ id: z.string().openapi({ description: "Its id.", example: exampleId }) });

/** For the document: what `POST /limits` takes. */
export const newLimitSchema = newLimit.meta({ id: "NewLimit", description: "A limit, as it is asked for." });
/** For the document: what `PATCH /limits/{id}` takes. */
export const limitUpdateSchema = limitUpdate.meta({ id: "LimitUpdate" });

/** For the document: {@link import("@devmesh/models").ConcurrencyLimit}. */
export const limitSchema = z
  .object({
    id: z.uuid(),
    kind: z.enum(limitKinds),
    value: z.string().optional().meta({ description: "The type or the label; absent for the tenant." }),
    maxInFlight: z.int().min(0),
    inFlight: z.int().min(0).meta({ description: "Assignments that count now: those made since the limit was." }),
    createdAt: timeSchema,
    updatedAt: timeSchema,
  })
  .meta({ id: "Limit", description: "How many assignments of a tenant, a task type or a label may be open at once." });

export const newLimitExample = { kind: "type", value: "code.review", maxInFlight: 10 };
export const limitExample = { id: exampleId, ...newLimitExample, inFlight: 3, ...exampleTimes };

/** For the document: what `POST /budgets` takes. */
export const newBudgetSchema = newBudget.meta({
  id: "NewBudget",
  description: "A budget of the tenant or of an agent. Those of tasks and trees come with TaskSubmission.",
});
/** For the document: what `PATCH /budgets/{id}` takes. */
export const budgetUpdateSchema = budgetUpdate.meta({ id: "BudgetUpdate" });

/** For the document: {@link import("@devmesh/models").Budget}. */
export const budgetSchema = z
  .object({
    id: z.uuid(),
    scope: z.enum(budgetScopes),
    agentId: z.uuid().optional(),
    taskId: z.uuid().optional().meta({ description: "The task, or the one that the tree begins with." }),
    unit: z.enum(budgetUnits),
    period: z.enum(budgetPeriods).meta({ description: "When `spent` begins anew, by UTC." }),
    cap: z.int().min(0),
    spent: z.int().min(0).meta({ description: "What agents said that ended work has cost. May pass the cap." }),
    reserved: z.int().min(0).meta({ description: "What work in flight holds back until it ends." }),
    createdAt: timeSchema,
    updatedAt: timeSchema,
  })
  .meta({ id: "Budget", description: "A cap on what is spent and reserved together." });

export const newBudgetExample = { scope: "tenant", unit: "micro_usd", period: "month", cap: 50_000_000 };
export const budgetExample = {
  id: exampleId,
  ...newBudgetExample,
  spent: 1_250_000,
  reserved: 40_000,
  ...exampleTimes,
};

/** For the document: {@link import("@devmesh/models").UsageRow}. */
export const usageRowSchema = z
  .object({
    day: z.iso.date().optional().meta({ description: "UTC." }),
    agent: z.object({ id: z.uuid(), name: z.string() }).optional(),
    type: z.string().optional(),
    model: z.string().optional().meta({ description: "Empty where the agents named none." }),
    tasks: z.int().min(0).meta({ description: "Tasks that ended with one of these attempts." }),
    attempts: z.int().min(0).meta({ description: "Attempts that told their usage." }),
    inputTokens: z.int().min(0),
    outputTokens: z.int().min(0),
    costMicroUsd: z.int().min(0),
  })
  .meta({ id: "UsageRow", description: "What agents said that their work cost." });

export const usageExample = {
  day: "2026-11-30",
  type: "code.review",
  tasks: 12,
  attempts: 13,
  inputTokens: 120_000,
  outputTokens: 8_000,
  costMicroUsd: 1_250_000,
};
