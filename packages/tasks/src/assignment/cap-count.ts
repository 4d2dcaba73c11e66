import {
  type BudgetId,
  type BudgetStanding,
  type BudgetUnit,
  type Candidate,
  isExhausted,
  type LimitId,
  type LimitRule,
  type LimitStanding,
  limitsOf,
  type QueuedTask,
  type Reservation,
  type TaskId,
  type TaskSubject,
} from "@devmesh/models";

/** How long a task waits for an agent whose budget is too small for it before others are asked again. Judgement. */
const otherAgentMs = 60_000;

/** What caps the tasks of a round: figures that are locked, and what each task is subject to. */
export interface CapFigures {
  readonly rules: readonly LimitRule[];
  readonly subjects: readonly TaskSubject[];
  readonly limits: readonly LimitStanding[];
  readonly budgets: readonly BudgetStanding[];
}

/** Where a task goes: to an agent, out of its lane for want of money, or nowhere: a limit is full, or nobody is left. */
export type Placing =
  | {
      readonly kind: "agent";
      readonly candidate: Candidate;
      readonly limitIds: readonly LimitId[];
      readonly reservations: readonly Reservation[];
    }
  | { readonly kind: "parked"; readonly budgetId: BudgetId; readonly retryAfterMs: number | undefined }
  | { readonly kind: "waits" };

/** Counts caps down while a plan is made: what it has placed is not there any more. */
export interface CapCount {
  /** Tries the candidates in their order, best first; what it places is counted. */
  place(task: QueuedTask, candidates: readonly Candidate[]): Placing;
}

/** Starts from the figures in the ledger; a task that they say nothing of is subject to nothing. */
export function createCapCount({ rules, subjects, limits, budgets }: CapFigures): CapCount {
  const subjectsByTask = new Map(subjects.map((subject) => [subject.taskId, subject]));
  const roomByLimit = new Map(limits.map(({ id, maxInFlight, inFlight }) => [id, maxInFlight - inFlight]));
  const budgetsById = new Map(budgets.map((budget) => [budget.id, budget]));

  function limitsOfTask(task: QueuedTask): readonly LimitId[] {
    const subject = subjectsByTask.get(task.taskId);
    if (subject === undefined) return [];
    return limitsOf(rules, { ...subject, tenantId: task.tenantId }).filter((id) => roomByLimit.has(id));
  }

  function reserve(task: QueuedTask, candidate: Candidate): readonly Reservation[] {
    const applying = [...budgetsById.values()].filter((budget) => applies(budget, task, candidate));
    return applying.map(({ id, unit }) => ({ budgetId: id, unit, amount: amountOf(unit, applying, candidate) }));
  }

  function findRefusal(reservations: readonly Reservation[]): BudgetStanding | undefined {
    return reservations
      .filter(({ budgetId, amount }) => !fits(budgetsById.get(budgetId), amount))
      .map(({ budgetId }) => budgetsById.get(budgetId))
      .find((budget) => budget !== undefined);
  }

  /** A budget that stands over all agents is what a task waits for; where only agents' own are short, others may come. */
  function park(task: QueuedTask, refusals: readonly BudgetStanding[]): Placing {
    const general = refusals.find(({ scope }) => scope !== "agent");
    if (general !== undefined) return { kind: "parked", budgetId: general.id, retryAfterMs: undefined };
    const [ofAgent] = refusals;
    // what an agent can't afford by its own prices is not offered to it any more: the task needs not make way
    if (ofAgent === undefined || !hasOwnCap(task)) return { kind: "waits" };
    return { kind: "parked", budgetId: ofAgent.id, retryAfterMs: otherAgentMs };
  }

  function hasOwnCap({ budgetIds }: QueuedTask): boolean {
    return budgetIds.some((id) => budgetsById.get(id)?.scope === "task");
  }

  function hold(limitIds: readonly LimitId[], reservations: readonly Reservation[]): void {
    for (const id of limitIds) roomByLimit.set(id, (roomByLimit.get(id) ?? 0) - 1);
    for (const { budgetId, amount } of reservations) {
      const budget = budgetsById.get(budgetId);
      if (budget !== undefined) budgetsById.set(budgetId, { ...budget, reserved: budget.reserved + amount });
    }
  }

  return {
    place(task, candidates) {
      const limitIds = limitsOfTask(task);
      if (limitIds.some((id) => (roomByLimit.get(id) ?? 0) <= 0)) return { kind: "waits" };
      const refusals: BudgetStanding[] = [];
      for (const candidate of candidates) {
        const reservations = reserve(task, candidate);
        const refusal = findRefusal(reservations);
        if (refusal === undefined) {
          hold(limitIds, reservations);
          return { kind: "agent", candidate, limitIds, reservations };
        }
        refusals.push(refusal);
      }
      return park(task, refusals);
    },
  };
}

function applies(budget: BudgetStanding, task: QueuedTask, candidate: Candidate): boolean {
  if (budget.tenantId !== task.tenantId) return false;
  if (budget.scope === "tenant") return true;
  return budget.scope === "agent" ? budget.subjectId === candidate.agentId : task.budgetIds.includes(budget.id);
}

/** What is left of the task's own cap, else what the agent says that it costs, else nothing. */
function amountOf(unit: BudgetUnit, applying: readonly BudgetStanding[], candidate: Candidate): number {
  const own = applying.find((budget) => budget.scope === "task" && budget.unit === unit);
  if (own !== undefined) return Math.max(0, own.cap - own.spent - own.reserved);
  return unit === "micro_usd" ? (candidate.costMicroUsd ?? 0) : 0;
}

function fits(budget: BudgetStanding | undefined, amount: number): boolean {
  if (budget === undefined) return true;
  return !isExhausted(budget) && budget.spent + budget.reserved + amount <= budget.cap;
}

/** The tasks that stand in a lane which lacks one of their limits, with all that they are subject to. */
export function findMisplaced(
  tasks: readonly QueuedTask[],
  { rules, subjects }: Pick<CapFigures, "rules" | "subjects">,
): readonly { readonly task: QueuedTask; readonly limitIds: readonly LimitId[] }[] {
  const subjectsByTask = new Map<TaskId, TaskSubject>(subjects.map((subject) => [subject.taskId, subject]));
  return tasks.flatMap((task) => {
    const subject = subjectsByTask.get(task.taskId);
    if (subject === undefined) return [];
    const limitIds = limitsOf(rules, { ...subject, tenantId: task.tenantId });
    return limitIds.every((id) => subject.laneLimitIds.includes(id)) ? [] : [{ task, limitIds }];
  });
}
