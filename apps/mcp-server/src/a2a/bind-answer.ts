import type { Principal } from "@devmesh/auth";
import { AppError, type IdempotencyClaim, type Task } from "@devmesh/models";
import { hashBody, type LedgerStore } from "@devmesh/tasks";

/** An answer, and the message that brought it. */
export interface BroughtAnswer {
  readonly messageId: string;
  readonly answer: unknown;
}

/**
 * The question that a message answers: the one that was pending when it came for the first time. A message does not name
 * it, so it is kept before the answer is given; else one that is sent again would answer what is asked next.
 *
 * @throws AppError `failed_precondition` where nothing is asked; `conflict`, reason `idempotency_key_reused`, where the
 * message came before with another answer.
 */
export async function bindAnswer(
  ledger: Pick<LedgerStore, "transaction">,
  { tenantId, id: principalId }: Pick<Principal, "tenantId" | "id">,
  task: Task,
  { messageId, answer }: BroughtAnswer,
): Promise<string> {
  const claim: IdempotencyClaim = {
    tenantId,
    principalId,
    operation: "a2a.answer",
    key: messageId,
    bodyHash: hashBody({ taskId: task.id, answer }),
    response: JSON.stringify({ questionId: task.question?.id }),
  };
  const known = await ledger.transaction([tenantId], async (tx) => {
    const [before] = await tx.findKeys([claim]);
    if (before !== undefined || task.question === undefined) return before;
    // of two at once the second waits for the first, and sees what that one kept
    return (await tx.claimKeys([claim])).size > 0 ? undefined : (await tx.findKeys([claim]))[0];
  });
  if (known === undefined) {
    if (task.question !== undefined) return task.question.id;
    throw new AppError("failed_precondition", `task ${task.id} is ${task.state}: it waits for no answer`);
  }
  if (known.bodyHash === claim.bodyHash) return (known.response as { readonly questionId: string }).questionId;
  const message = `message ${JSON.stringify(messageId)} came before with another answer`;
  throw new AppError("conflict", message, { reason: "idempotency_key_reused" });
}

/** True where a question of the task has its answer, from this principal. */
export function hasAnswered({ id }: Pick<Principal, "id">, task: Task, questionId: string): boolean {
  return (task.answers ?? []).some(
    ({ questionId: answered, answeredBy }) =>
      answered === questionId && answeredBy.kind !== "default" && answeredBy.id === id,
  );
}
