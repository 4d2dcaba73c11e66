import { AppError, defaultQuestionMs } from "@devmesh/models";
import type { JsonMessageName, PayloadOf } from "@devmesh/protocol";
import type { AgentWord, Outcome } from "@devmesh/tasks";

/** What a message says, whoever carries it. */
type Said<Name extends JsonMessageName> = Omit<PayloadOf<Name>, "id" | "assignmentId" | "fence" | "traceparent">;

/** How far it is. */
export function progressWord({ percent, note, log }: Said<"TASK_PROGRESS">): AgentWord {
  return { kind: "progress", percent, note, log };
}

/** The result. */
export function completeWord({ output, artifacts, usage }: Said<"TASK_COMPLETE">): AgentWord {
  return { kind: "complete", output: JSON.stringify(output), artifacts: toJson(artifacts), usage: toJson(usage) };
}

/** The attempt failed. */
export function failWord({ class: failureClass, message, retryAfterMs, usage }: Said<"TASK_FAIL">): AgentWord {
  return { kind: "fail", class: failureClass, message, retryAfterMs, usage: toJson(usage) };
}

/** A question to a person; `requestId` tells the same one sent again from one asked anew. */
export function askWord(
  { question, schema, timeoutMs = defaultQuestionMs, onTimeout = "fail", ...rest }: Said<"TASK_NEEDS_INPUT">,
  ids: { readonly id: string; readonly requestId: string },
): AgentWord {
  return { kind: "ask", ...ids, question, schema, timeoutMs, onTimeout, default: rest.default };
}

/** What was recorded. @throws the AppError of a refusal. */
export function toRecorded(outcome: Outcome): Extract<Outcome, { readonly kind: "recorded" }> {
  if (outcome.kind === "refused") throw outcome.error;
  if (outcome.kind !== "recorded") throw new AppError("internal", "an output was not validated");
  return outcome;
}

function toJson(value: unknown): string | undefined {
  return value === undefined ? undefined : JSON.stringify(value);
}
