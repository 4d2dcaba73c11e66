import type { ReplyTo, RequestBody } from "../requests/request.ts";
import type { Requests } from "../requests/requests.ts";
import { type Assignment, fenceOf } from "./assignment.ts";
import { isNotAcceptedYet } from "./assignment-error.ts";
import type { AttemptEnd } from "./run-handler.ts";

type RecordName = "TASK_ACCEPT" | "TASK_REJECT" | "TASK_COMPLETE" | "TASK_FAIL";

/** Sends what must be recorded of an assignment, until it is answered for good. */
export function record<Name extends RecordName>(
  requests: Requests,
  assignment: Assignment,
  { name, body }: { readonly name: Name; readonly body: RequestBody<Name> },
): Promise<ReplyTo<Name>> {
  return requests.send(name, body, {
    kind: "record",
    onId: (id) => {
      assignment.requestId = id;
    },
  });
}

/**
 * Sends how an attempt ended, as {@link record} does. An end that was sent right behind its ACCEPT goes again where that
 * was refused for the moment, once it is recorded.
 */
export async function recordEnd(
  requests: Requests,
  assignment: Assignment,
  end: AttemptEnd,
): Promise<ReplyTo<"TASK_COMPLETE">> {
  const isEarly = !assignment.isAccepted;
  try {
    return await sendEnd(requests, assignment, end);
  } catch (error) {
    const mayGoAgain = isEarly && isNotAcceptedYet(error) && (await assignment.accepted);
    if (!mayGoAgain || assignment.phase !== "ending") throw error;
    return sendEnd(requests, assignment, end);
  }
}

function sendEnd(requests: Requests, assignment: Assignment, end: AttemptEnd): Promise<ReplyTo<"TASK_COMPLETE">> {
  const about = fenceOf(assignment);
  return end.name === "TASK_COMPLETE"
    ? record(requests, assignment, { name: end.name, body: { ...about, ...end.fields } })
    : record(requests, assignment, { name: end.name, body: { ...about, ...end.fields } });
}
