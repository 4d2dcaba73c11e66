import fc from "fast-check";
import { expect, test } from "vitest";
import { headsOfTopic, matchesTopic, mayTakeEvents, topicHead } from "./topic.ts";

test.each([
  ["task.created", "task.created", true],
  ["task.created", "task.created.now", false],
  ["task.*", "task.created", true],
  ["task.*", "task", false],
  ["task.*", "task.created.now", false],
  ["*.created", "task.created", true],
  ["*", "task", true],
  ["*.*", "task", false],
  ["task.>", "task", false],
  ["task.>", "task.created", true],
  ["task.>", "task.a.b.c", true],
  [">", "task.a.b.c", true],
  ["*.b.>", "a.b", false],
  ["*.b.>", "a.b.c", true],
  ["Task.*", "task.created", false],
])("%s and %s: %s", (pattern, topic, expected) => {
  expect(matchesTopic(pattern, topic)).toBe(expected);
});

const segment = fc.constantFrom("a", "b", "a-b", "*x".slice(1));
const segments = fc.array(segment, { minLength: 1, maxLength: 6 });
const patternSegments = fc
  .tuple(fc.array(fc.oneof(segment, fc.constant("*")), { minLength: 1, maxLength: 6 }), fc.boolean())
  .map(([list, takesRest]) => (takesRest ? [...list, ">"] : list));

/** The definition, segment by segment. */
function matches([asked, ...pattern]: readonly string[], [given, ...topic]: readonly string[]): boolean {
  if (asked === undefined || given === undefined) return asked === given;
  if (asked === ">") return true;
  return (asked === "*" || asked === given) && matches(pattern, topic);
}

test("agrees with the definition", () => {
  fc.assert(
    fc.property(patternSegments, segments, (pattern, topic) => {
      expect(matchesTopic(pattern.join("."), topic.join("."))).toBe(matches(pattern, topic));
    }),
    { numRuns: 1_000 },
  );
});

test("a pattern that takes a topic has one of the topic's heads", () => {
  fc.assert(
    fc.property(patternSegments, segments, (asked, given) => {
      const [pattern, topic] = [asked.join("."), given.join(".")];
      if (matchesTopic(pattern, topic)) expect(headsOfTopic(topic)).toContain(topicHead(pattern));
    }),
    { numRuns: 1_000 },
  );
});

test("a topic, its pattern with wildcards in places and the rest of it all take it", () => {
  fc.assert(
    fc.property(segments, fc.nat(), fc.nat(), (topic, place, cut) => {
      const wild = topic.map((part, index) => (index === place % topic.length ? "*" : part));
      const rest = [...topic.slice(0, cut % topic.length), ">"];
      for (const pattern of [topic, wild, rest]) expect(matchesTopic(pattern.join("."), topic.join("."))).toBe(true);
    }),
  );
});

test("tells heads, and which patterns may take events", () => {
  expect(topicHead("news.*.a")).toBe("news");
  expect(topicHead(">")).toBe("");
  expect(topicHead("news.a")).toBe("news.a");
  expect(["task.*", "agent.paused", "workflow.1", "*", ">", "*.a"].filter(mayTakeEvents)).toHaveLength(6);
  expect(["news.task", "tasks.a", "agents"].filter(mayTakeEvents)).toEqual([]);
});
