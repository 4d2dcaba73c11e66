import { checkLeaks } from "@devmesh/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { connectMcp, type McpClient } from "./_mcp.ts";
import { type Mesh, type Node, openMesh } from "./_mesh.ts";

checkLeaks();

let mesh: Mesh;
let node: Node;
let mcp: McpClient;

beforeAll(async () => {
  mesh = await openMesh();
  node = await mesh.startNode();
  mcp = await connectMcp({ port: node.port, key: mesh.key });
});
afterAll(async () => {
  await mcp[Symbol.asyncDispose]();
  await mesh[Symbol.asyncDispose]();
});

const register = (name: string, more: object = {}) =>
  mcp.call("agent_register", { name, capabilities: [{ name }], ...more });

test("an agent registers, claims a task that was created, reports and completes it", async () => {
  const { agent, presentUntil } = await register("reviewer");
  expect(agent).toMatchObject({ name: "reviewer", delivery: "pull", connection: "connected", inFlight: 0 });
  expect(Date.parse(presentUntil)).toBeGreaterThan(Date.now());
  const { task, isReplay } = await mcp.call("task_create", { type: "reviewer", input: { file: "a.ts" } });
  expect(task).toMatchObject({ type: "reviewer", state: "queued", attempt: 0 });
  expect(isReplay).toBe(false);
  const { assignments } = await mcp.call("task_claim", { agent: "reviewer", max: 3 });
  expect(assignments).toMatchObject([{ fence: 1, state: "running", task: { id: task.id, input: { file: "a.ts" } } }]);
  const about = { agent: "reviewer", assignmentId: assignments[0].assignmentId, fence: 1 };
  expect(await mcp.call("task_progress", { ...about, percent: 50, note: "half" })).toMatchObject({
    taskId: task.id,
    taskState: "running",
    duplicate: false,
  });
  expect(await mcp.call("agent_heartbeat", { agent: "reviewer" })).toMatchObject({
    holding: [{ assignmentId: about.assignmentId, fence: 1, taskId: task.id, state: "running" }],
    mail: 0,
  });
  const done = { ...about, output: { findings: [] } };
  expect(await mcp.call("task_complete", done)).toMatchObject({ taskState: "completed", duplicate: false });
  expect(await mcp.call("task_complete", done)).toMatchObject({ taskState: "completed", duplicate: true });
  const whole = await mcp.call("task_get", { taskId: task.id, events: {} });
  expect(whole.task).toMatchObject({
    state: "completed",
    output: { findings: [] },
    assignedAgent: { name: "reviewer" },
  });
  expect(whole.events.map(({ type }: { type: string }) => type)).toEqual([
    "task.created",
    "task.queued",
    "task.assigned",
    "task.accepted",
    "task.progress",
    "task.completed",
  ]);
});
