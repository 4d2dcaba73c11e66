import type { AnsweredBy, AssignmentId, Task, TaskAnswer, TaskId, TenantId } from "@devmesh/models";
import type { QueryResult } from "../database/database.ts";
import { type Sql, sql } from "../database/sql.ts";
import { type TaskRef, taskRows } from "../ledger/refs.ts";

/** The answers of tasks, oldest first, by task. */
export type AnswersByTask = ReadonlyMap<TaskId, readonly TaskAnswer[]>;

interface AnswerRow {
  readonly taskId: TaskId;
  readonly questionId: string;
  readonly assignmentId: AssignmentId;
  readonly question: string;
  readonly answer: unknown;
  readonly answeredBy: AnsweredBy;
  readonly answeredAt: Date;
}

/** Reads the answers of those rows that say that they have some; where none does, nothing is asked. */
export async function findAnswers(
  query: <Row>(statement: Sql) => Promise<QueryResult<Row>>,
  tasks: readonly { readonly tenantId: TenantId; readonly id: TaskId; readonly answerCount: number }[],
): Promise<AnswersByTask> {
  const refs = tasks.flatMap(({ tenantId, id, answerCount }): readonly TaskRef[] =>
    answerCount === 0 ? [] : [{ tenantId, taskId: id }],
  );
  if (refs.length === 0) return new Map();
  const { rows } = await query<AnswerRow>(sql`
    select a.task_id as "taskId", a.question_id as "questionId", a.assignment_id as "assignmentId", a.question,
      a.answer, a.answered_by as "answeredBy", a.answered_at as "answeredAt"
    from ${taskRows(refs)} as asked (tenant_id, task_id)
    join task_answer a on a.tenant_id = asked.tenant_id and a.task_id = asked.task_id
    order by a.task_id, a.number`);
  const byTask = new Map<TaskId, TaskAnswer[]>();
  for (const { taskId, answeredAt, ...answer } of rows) {
    const answers = byTask.get(taskId) ?? [];
    answers.push({ ...answer, answeredAt: answeredAt.toISOString() });
    byTask.set(taskId, answers);
  }
  return byTask;
}

/** What a task that has answers is shown with. */
export function toAnswers(answers: AnswersByTask, taskId: TaskId): Pick<Task, "answers"> {
  const own = answers.get(taskId);
  return own === undefined ? {} : { answers: own };
}
