import { z } from "zod";
import type { BudgetPeriod, BudgetScope, BudgetUnit, LimitKind } from "./caps.ts";
import { budgetPeriods, budgetUnits } from "./caps.ts";
import type { AgentId, BudgetId, LimitId, TaskId } from "./ids.ts";
import { nameSchema, textSchema } from "./text.ts";

/** The most limits that a tenant may have, and budgets of itself and its agents. */
export const maxCapsPerTenant = 1_000;
/** Far above what one mesh has in flight. */
const maxInFlightSchema = z.int().min(0).max(1_000_000);
const capSchema = z.int().min(0).max(1_000_000_000_000_000);

/** The body of `POST /limits`. A member that is dropped could turn a limit on one type into one on all: none is. */
export const newLimitSchema = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("tenant"), maxInFlight: maxInFlightSchema }),
  z.strictObject({ kind: z.literal("type"), value: nameSchema, maxInFlight: maxInFlightSchema }),
  z.strictObject({ kind: z.literal("label"), value: textSchema(64), maxInFlight: maxInFlightSchema }),
]);
/** A limit as it is asked for. */
export type NewLimit = z.infer<typeof newLimitSchema>;

/** The body of `PATCH /limits/{id}`. */
export const limitUpdateSchema = z.object({ maxInFlight: maxInFlightSchema });

/** A limit as the API shows it. */
export interface ConcurrencyLimit {
  readonly id: LimitId;
  readonly kind: LimitKind;
  readonly value?: string;
  readonly maxInFlight: number;
  readonly inFlight: number;
  readonly createdAt: string;
  readonly updatedAt: string;
}

const budgetFields = { unit: z.enum(budgetUnits), period: z.enum(budgetPeriods).default("total"), cap: capSchema };

/** The body of `POST /budgets`; those of tasks and trees come with the submission. */
export const newStandingBudgetSchema = z.discriminatedUnion("scope", [
  z.strictObject({ scope: z.literal("tenant"), ...budgetFields }),
  z.strictObject({ scope: z.literal("agent"), agent: nameSchema, ...budgetFields }),
]);

/** The body of `PATCH /budgets/{id}`. */
export const budgetUpdateSchema = z.object({ cap: capSchema });

/** A budget as the API shows it; `spent` is that of the running window. */
export interface Budget {
  readonly id: BudgetId;
  readonly scope: BudgetScope;
  readonly agentId?: AgentId;
  readonly taskId?: TaskId;
  readonly unit: BudgetUnit;
  readonly period: BudgetPeriod;
  readonly cap: number;
  readonly spent: number;
  readonly reserved: number;
  readonly createdAt: string;
  readonly updatedAt: string;
}

/** What usage can be grouped by. */
export const usageGroups = ["day", "agent", "type", "model"] as const;
/** One of {@link usageGroups}. */
export type UsageGroup = (typeof usageGroups)[number];

/** What agents said that their work cost, summed over what is not named. */
export interface UsageRow {
  /** UTC, `YYYY-MM-DD`. */
  readonly day?: string;
  readonly agent?: { readonly id: AgentId; readonly name: string };
  readonly type?: string;
  /** Empty where the agents named none. */
  readonly model?: string;
  readonly tasks: number;
  readonly attempts: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly costMicroUsd: number;
}
