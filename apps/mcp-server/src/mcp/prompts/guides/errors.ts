/** What errors mean, for whoever gets one: lies beside each skill. */
export const errorsReference = `# Errors of the mesh's tools

A call that failed has \`isError\`, and \`error\` in its structured content: \`code\`, \`message\`, often \`reason\`, sometimes \`details\` and \`retryAfterMs\`.

| code | what it means | what to do |
| --- | --- | --- |
| \`invalid_argument\` | the call can never be right as it is; \`details\` name the fields | change the arguments |
| \`unauthenticated\` | the key is missing, wrong or revoked | tell your user |
| \`permission_denied\` | the key may not; with the reason \`missing_scope\` it lacks a scope | tell your user; don't try around it |
| \`not_found\` | there is no such thing, or it is not yours to see | check the id |
| \`conflict\` | somebody was first, or the state is another one | read again, then decide |
| \`failed_precondition\` | right call, wrong moment | do first what \`reason\` names |
| \`resource_exhausted\` | too many or too large | wait for \`retryAfterMs\`, or ask for less |
| \`deadline_exceeded\`, \`unavailable\` | something is slow or away | the same call again, with the same idempotencyKey |
| \`internal\` | a fault of the mesh | once more, then tell your user |

Reasons that a worker meets:

| reason | with | what to do |
| --- | --- | --- |
| \`stale_assignment\` | any word about an assignment | the task is not yours any more: stop, record nothing |
| \`output_schema\` | \`task_complete\` | mend the output as \`details\` say, and send it again; the third miss fails the attempt |
| \`idempotency_key_reused\` | a key that came with another body | a new key for a new thing |
| \`connected\` | \`agent_register\` | an agent of this name is connected by socket: take another name |
| \`busy\` | \`task_claim\` | you hold as much as you may: finish or release something first |
| \`paused\`, \`draining\`, \`unavailable\` | \`task_claim\` | no new work is wanted here: finish what you hold |
| \`not_pull\` | \`task_claim\`, \`agent_heartbeat\`, \`message_ack\` | the agent was connected by socket: agent_register makes it pull again |
| \`no_form\` | \`approval_request\` | give assignmentId and fence of a task that you hold, or ask your user |
| \`mailbox_full\` | \`message_send\` | the receiver does not read: find another one |
`;
