import { RequestMalformedError } from "@a2a-js/sdk/errors";
import type { Agent, Task } from "@devmesh/models";

/** Of a label. */
const maxLabelCharacters = 64;
const contextPrefix = "a2a-context:";

/** Marks the tasks that came to an agent over A2A: it is asked for no others. */
export function agentLabel({ id }: Pick<Agent, "id">): string {
  return `a2a:${id}`;
}

/** Keeps which context a task belongs to. @throws RequestMalformedError for an id that is too long. */
export function contextLabel(contextId: string): string {
  const max = maxLabelCharacters - contextPrefix.length;
  if (contextId.length <= max) return `${contextPrefix}${contextId}`;
  throw new RequestMalformedError(`contextId of ${contextId.length} characters exceeds the limit of ${max}`);
}

/** The context of a task; its own id where it has none. */
export function contextOf({ id, labels }: Pick<Task, "id" | "labels">): string {
  const label = labels.find((one) => one.startsWith(contextPrefix));
  return label === undefined ? id : label.slice(contextPrefix.length);
}
