/** Subscriptions that one agent may have, plain and durable together. Judgement. */
export const maxSubscriptions = 100;

/**
 * Whether a subscription's pattern takes a topic, both in the form that the protocol demands. Segments are joined by
 * dots and compared as they are; `*` takes any one segment; `>`, at the end, takes one or more. SQL has the same rule as
 * `topic_matches`.
 */
export function matchesTopic(pattern: string, topic: string): boolean {
  const asked = pattern.split(".");
  const given = topic.split(".");
  const takesRest = asked.at(-1) === ">";
  if (takesRest ? given.length < asked.length : given.length !== asked.length) return false;
  return asked.every((segment, index) => segment === "*" || segment === ">" || segment === given[index]);
}

/**
 * The segments before the first wildcard: what a topic must begin with, segment by segment, to be taken. A pattern
 * without wildcards is its own head; one that begins with a wildcard has the empty one.
 */
export function topicHead(pattern: string): string {
  const segments = pattern.split(".");
  const wildcard = segments.findIndex((segment) => segment === "*" || segment === ">");
  return wildcard < 0 ? pattern : segments.slice(0, wildcard).join(".");
}

/** Every head that a pattern which takes this topic can have: of `a.b` these are the empty one, `a` and `a.b`. */
export function headsOfTopic(topic: string): readonly string[] {
  const segments = topic.split(".");
  return ["", ...segments.map((_, index) => segments.slice(0, index + 1).join("."))];
}

/** The first segments of the topics that events have. */
export const eventTopics = ["task", "agent", "workflow"] as const;

/** Whether a pattern may take events of the mesh, and not only messages of agents. */
export function mayTakeEvents(pattern: string): boolean {
  const [first = ""] = pattern.split(".");
  return ["*", ">", ...eventTopics].includes(first);
}
