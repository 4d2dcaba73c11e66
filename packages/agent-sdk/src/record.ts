import { type Assignment, fenceOf } from "./assignment.ts";
import type { ReplyTo, RequestBody } from "./request.ts";
import type { Requests } from "./requests.ts";
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

/** Sends how an attempt ended, as {@link record} does. */
export function recordEnd(
  requests: Requests,
  assignment: Assignment,
  end: AttemptEnd,
): Promise<ReplyTo<"TASK_COMPLETE">> {
  const about = fenceOf(assignment);
  return end.name === "TASK_COMPLETE"
    ? record(requests, assignment, { name: end.name, body: { ...about, ...end.fields } })
    : record(requests, assignment, { name: end.name, body: { ...about, ...end.fields } });
}
