import { Message, Role } from "@a2a-js/sdk";
import type { Agent, AgentId, Task, TaskId } from "@devmesh/models";

/** A registered agent that reviews. */
export const reviewer: Agent = {
  id: "0199a1b2-0000-7000-8000-000000000001" as AgentId,
  name: "reviewer",
  kind: "worker",
  capabilities: [
    { name: "code.review", level: 2, tags: { language: "typescript" } },
    { name: "code.write", level: 1, tags: {} },
  ],
  maxConcurrency: 1,
  inFlight: 0,
  connection: "connected",
  availability: "available",
  health: "healthy",
  admin: "active",
  load: {},
  metadata: {},
  delivery: "push",
  registeredAt: "2026-01-01T00:00:00.000Z",
  lastSeenAt: "2026-01-01T00:00:00.000Z",
};

/** A task that came to it over A2A. */
export function reviewTask(changes: Partial<Task> = {}): Task {
  return {
    id: "0199a1b2-0000-7000-8000-0000000000aa" as TaskId,
    type: "code.review",
    state: "running",
    input: { message: { messageId: "m-1", role: "ROLE_USER", parts: [{ text: "Review it" }] } },
    requirements: { capabilities: ["code.review"], minLevel: 1, tags: {}, agent: reviewer.id },
    strategy: "capability_match",
    priority: 5,
    maxAttempts: 3,
    timeoutMs: 600_000,
    dependsOn: [],
    labels: [`a2a:${reviewer.id}`, "a2a-context:c-1"],
    attempt: 1,
    createdAt: "2026-01-01T00:00:01.000Z",
    updatedAt: "2026-01-01T00:00:02.000Z",
    ...changes,
  };
}

/** A message of a user, made of texts and data. */
export function userMessage(parts: readonly unknown[], changes: Partial<Message> = {}): Message {
  const contents = parts.map((part) => (typeof part === "string" ? { text: part } : { data: part }));
  const message = Message.fromJSON({ messageId: "m-1", role: "ROLE_USER", parts: contents });
  return { ...message, role: Role.ROLE_USER, ...changes };
}
