import type { AgentId, TaskId } from "@devmesh/models";
import { expect, test } from "vitest";
import { assertOthersQuestion } from "./own-question.ts";

const task = { id: "t" as TaskId, assignedAgent: { id: "a" as AgentId, name: "writer" } };

test("a key that is bound to the asking agent may not answer it", () => {
  expect(() => assertOthersQuestion("writer", task)).toThrow(
    expect.objectContaining({ code: "permission_denied", reason: "own_question" }),
  );
});

test.each([undefined, "reviewer", "Writer"])("a key bound to %j may", (agentName) => {
  expect(() => assertOthersQuestion(agentName, task)).not.toThrow();
});
