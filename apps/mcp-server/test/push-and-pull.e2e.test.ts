import { checkLeaks } from "@devmesh/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { connectMcp, type McpClient } from "./_mcp.ts";
import { type Mesh, type Node, openMesh } from "./_mesh.ts";
import { type Client, hello, registered } from "./_socket.ts";

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
  await mcp?.[Symbol.asyncDispose]();
  await mesh[Symbol.asyncDispose]();
});

const create = async (type: string): Promise<string> => (await mcp.call("task_create", { type })).task.id;

test("an agent that has claimed goes on over a socket, and back", async () => {
  const agent = "mover";
  const registration = { name: agent, capabilities: [{ name: agent }], maxConcurrency: 2 };
  await mcp.call("agent_register", registration);
  const first = await create(agent);
  const { assignments } = await mcp.call("task_claim", { agent });
  const [{ assignmentId, fence }] = assignments;
  const socket = await hello({ port: node.port, key: mesh.key, name: agent });
  // what it holds comes as it would to any agent that has lost its connection
  const { payload: resent } = await socket.next("TASK_ASSIGN");
  expect(resent).toMatchObject({ assignmentId, fence, task: { id: first } });
  expect(await socket.request("TASK_ACCEPT", { assignmentId, fence })).toMatchObject({
    payload: { taskState: "running", duplicate: true },
  });
  const second = await create(agent);
  const { payload: pushed } = await socket.next("TASK_ASSIGN");
  expect(pushed).toMatchObject({ task: { id: second } });
  await socket.request("TASK_ACCEPT", { assignmentId: pushed.assignmentId, fence: pushed.fence });
  expect(await mcp.refused("task_claim", { agent })).toMatchObject({ reason: "not_pull" });
  expect(await mcp.refused("agent_register", registration)).toMatchObject({ reason: "connected" });
  await socket.request("TASK_COMPLETE", { assignmentId, fence, output: 1 });
  await socket.close();
  await expect
    .poll(async () => (await mcp.call("agent_list", { capabilities: [agent] })).agents[0]?.connection)
    .toBe("disconnected");
  await mcp.call("agent_register", registration);
  const { holding } = await mcp.call("agent_heartbeat", { agent });
  expect(holding).toMatchObject([{ assignmentId: pushed.assignmentId, taskId: second }]);
  const about = { agent, assignmentId: pushed.assignmentId, fence: pushed.fence };
  expect(await mcp.call("task_complete", { ...about, output: 2 })).toMatchObject({ taskState: "completed" });
});

test("agents with and without a socket share the tasks of a type: each is done once", async () => {
  const type = "shared";
  const done: string[] = [];
  const count = 30;
  const isOver = (): boolean => done.length >= count;
  const socket = await registered({ port: node.port, key: mesh.key, name: "pushed", capability: type });
  const pullers = ["puller-1", "puller-2"];
  for (const name of pullers) {
    await mcp.call("agent_register", { name, capabilities: [{ name: type }], maxConcurrency: 2 });
  }
  const pushing = finishPushed(socket, done);
  const pulling = pullers.map((agent) => finishClaimed(agent, { done, isOver }));
  const created = await Promise.all(Array.from({ length: count }, () => create(type)));
  await Promise.all(pulling);
  await socket.close();
  const pushed = await pushing;
  expect(done.toSorted()).toEqual(created.toSorted());
  expect(pushed).toBeGreaterThan(0);
  expect(pushed).toBeLessThan(count);
});

/** Until its socket is closed; gives how many there were. */
async function finishPushed(socket: Client, done: string[]): Promise<number> {
  for (let count = 0; ; count++) {
    const frame = await socket.next("TASK_ASSIGN").catch(() => undefined);
    if (frame === undefined) return count;
    const { assignmentId, fence, task } = frame.payload;
    await socket.request("TASK_ACCEPT", { assignmentId, fence });
    await socket.request("TASK_COMPLETE", { assignmentId, fence, output: "pushed" });
    done.push(task.id);
  }
}

async function finishClaimed(
  agent: string,
  { done, isOver }: { readonly done: string[]; readonly isOver: () => boolean },
): Promise<void> {
  while (!isOver()) {
    const { assignments } = await mcp.call("task_claim", { agent, max: 2, waitMs: 200 });
    for (const { assignmentId, fence, task } of assignments) {
      await mcp.call("task_complete", { agent, assignmentId, fence, output: agent });
      done.push(task.id);
    }
  }
}
