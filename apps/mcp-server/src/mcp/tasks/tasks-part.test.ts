import type { Logger } from "@devmesh/observability";
import type { McpServer, ServerContext } from "@modelcontextprotocol/server";
import { expect, test, vi } from "vitest";
import type { Caller } from "../caller.ts";
import { type TasksPartDeps, tasksPart } from "./tasks-part.ts";

const taskId = "01a1ffe0-28c8-7788-b78f-047e6a2fd2a4";
const caller = {
  principal: { tenantId: "t", id: "k", scopes: ["tasks:read", "tasks:write"], agentName: "asker" },
  client: { takesTasks: true },
} as unknown as Caller;
const question = { id: "q", question: "sure?" };

/** Asks one method of the extension, with what the ledger has of the task. */
async function ask(method: string, get: TasksPartDeps["taskReads"]["get"]) {
  type Handler = (params: object, context: ServerContext) => Promise<object>;
  const handlers = new Map<string, Handler>();
  const setRequestHandler = (name: string, _: object, handler: Handler): unknown => handlers.set(name, handler);
  const error = vi.fn();
  const deps = { taskReads: { get }, logger: { error } as unknown as Logger } as unknown as TasksPartDeps;
  tasksPart(deps).register({ server: { setRequestHandler } } as unknown as McpServer, caller);
  const mcpReq = { inputResponses: { q: { action: "accept", content: { answer: "yes" } } } };
  const context = { mcpReq } as unknown as ServerContext;
  const refused = await handlers
    .get(method)?.({ taskId }, context)
    .catch((caught: unknown) => caught);
  return { refused, error };
}

test("the agent that asked is refused as who may not, with the mesh's own reason", async () => {
  const task = { id: taskId, type: "x", state: "waiting", question, assignedAgent: { name: "asker" } };
  const { refused, error } = await ask("tasks/update", async () => [task] as never);
  expect(refused).toMatchObject({ code: -32_600, data: { code: "permission_denied", reason: "own_question" } });
  expect(error).not.toHaveBeenCalled();
});

test("our own mistake goes to the log, and to the client without a word of it", async () => {
  const { refused, error } = await ask("tasks/get", () => Promise.reject(new Error("no such column")));
  expect(refused).toMatchObject({ code: -32_603, message: "internal error", data: { code: "internal" } });
  expect(error).toHaveBeenCalledOnce();
});
