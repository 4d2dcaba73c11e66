import type { LedgerChange, NewAnswer, TaskId, TenantId } from "@devmesh/models";
import type { Queryable } from "../database/database.ts";
import { sql, unnest } from "../database/sql.ts";

interface Numbered extends NewAnswer {
  readonly tenantId: TenantId;
  readonly taskId: TaskId;
  readonly number: number;
}

/** Writes the answers of changes, numbered after those that each task had. The tasks must be locked by this transaction. */
export async function insertAnswers(tx: Queryable, changes: readonly LedgerChange[]): Promise<void> {
  const answers = changes.flatMap(({ before: { tenantId, taskId, answerCount }, answers: given = [] }) =>
    given.map((answer, index): Numbered => ({ ...answer, tenantId, taskId, number: answerCount + index + 1 })),
  );
  await tx.query(sql`
    with written as (
      insert into task_answer (tenant_id, task_id, number, question_id, assignment_id, question, answer, answered_by)
      select tenant_id, task_id, number, question_id, assignment_id, question, answer, answered_by
      from ${unnest(
        ["uuid", answers.map(({ tenantId }) => tenantId)],
        ["uuid", answers.map(({ taskId }) => taskId)],
        ["int", answers.map(({ number }) => number)],
        ["uuid", answers.map(({ questionId }) => questionId)],
        ["uuid", answers.map(({ assignmentId }) => assignmentId)],
        ["text", answers.map(({ question }) => question)],
        ["json", answers.map(({ answer }) => answer)],
        ["json", answers.map(({ answeredBy }) => JSON.stringify(answeredBy))],
      )} as a (tenant_id, task_id, number, question_id, assignment_id, question, answer, answered_by)
      returning task_id, number
    )
    update task t
    set answer_count = latest.number
    from (select task_id, max(number) as number from written group by task_id) latest
    where t.id = latest.task_id`);
}
