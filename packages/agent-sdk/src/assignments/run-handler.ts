import { AppError, type Task } from "@devmesh/models";
import type { RequestBody } from "../requests/request.ts";
import { type TaskContext, TaskFailure, type TaskHandler, toCompletion } from "./handler.ts";
import { toProse } from "./progress-buffer.ts";

type EndFields<Name extends "TASK_COMPLETE" | "TASK_FAIL"> = Omit<RequestBody<Name>, "assignmentId" | "fence">;

/** How an attempt ended, as the fields of the frame that says so. */
export type AttemptEnd =
  | { readonly name: "TASK_COMPLETE"; readonly fields: EndFields<"TASK_COMPLETE"> }
  | { readonly name: "TASK_FAIL"; readonly fields: EndFields<"TASK_FAIL"> };

/** Longest failure message that is sent; the rest is cut off. */
const maxMessageLength = 4096;

/** Runs a handler to its end. Never rejects. */
export async function runHandler(handler: TaskHandler, task: Task, ctx: TaskContext): Promise<AttemptEnd> {
  try {
    return { name: "TASK_COMPLETE", fields: toCompletion(await handler(task, ctx)) };
  } catch (error) {
    return toFailure(error);
  }
}

/** Any error but a {@link TaskFailure} is `retryable`. */
export function toFailure(error: unknown): AttemptEnd {
  const text = error instanceof Error ? error.message : String(error);
  const message = toProse(text === "" ? "the handler failed" : text, maxMessageLength);
  if (!(error instanceof TaskFailure)) return { name: "TASK_FAIL", fields: { class: "retryable", message } };
  const { retryAfterMs, usage } = error;
  return {
    name: "TASK_FAIL",
    fields: {
      class: error.class,
      message,
      // the wire has whole milliseconds
      ...(retryAfterMs !== undefined && { retryAfterMs: Math.max(0, Math.round(retryAfterMs)) }),
      ...(usage !== undefined && { usage }),
    },
  };
}

/**
 * What becomes of an attempt whose output was refused: an output that does not match its schema may turn out well in
 * another try, one that is too large or no JSON won't.
 */
export function toRefusedOutput(error: AppError): AttemptEnd {
  const isWorthRetrying = error.reason === "output_schema";
  const details = isWorthRetrying && error.details !== undefined ? `: ${JSON.stringify(error.details)}` : "";
  const message = `the output was refused: ${error.message}${details}`;
  return toFailure(new TaskFailure(isWorthRetrying ? "retryable" : "permanent", message));
}

/** True for the refusals that {@link toRefusedOutput} answers. */
export function isRefusedOutput(error: unknown): error is AppError {
  if (!(error instanceof AppError)) return false;
  return error.code === "invalid_argument" || error.reason === "payload_too_large";
}
