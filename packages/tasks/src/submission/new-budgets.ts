import type { BudgetCaps, BudgetId, NewBudget, NewId, TaskId, TaskSubmission, TenantId } from "@devmesh/models";

/** The budgets that a submission brings along: one of each unit for the task, and for the tree that it begins. */
export function toNewBudgets(
  { budget, treeBudget }: Pick<TaskSubmission, "budget" | "treeBudget">,
  { tenantId, taskId, newId }: { readonly tenantId: TenantId; readonly taskId: TaskId; readonly newId: NewId },
): readonly NewBudget[] {
  const ofScope = (scope: NewBudget["scope"], { costMicroUsd, tokens }: BudgetCaps): readonly NewBudget[] =>
    [["micro_usd", costMicroUsd] as const, ["tokens", tokens] as const].flatMap(([unit, cap]) =>
      cap === undefined ? [] : [{ tenantId, id: newId() as BudgetId, scope, taskId, unit, cap }],
    );
  return [...ofScope("task", budget ?? {}), ...ofScope("tree", treeBudget ?? {})];
}
