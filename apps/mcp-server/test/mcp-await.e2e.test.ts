import { checkLeaks } from "@devmesh/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type AnswerForm, connectMcp, type McpClient, type Output } from "./_mcp.ts";
import { type Mesh, type Node, openMesh } from "./_mesh.ts";

checkLeaks();

let mesh: Mesh;
let node: Node;
/** Shows no forms: what it asks for its tasks, others answer. */
let worker: McpClient;

beforeAll(async () => {
  mesh = await openMesh();
  node = await mesh.startNode();
  worker = await connectMcp({ port: node.port, key: mesh.key });
});
afterAll(async () => {
  await worker?.[Symbol.asyncDispose]();
  await mesh[Symbol.asyncDispose]();
});

/** A task that waits for a person's approval. */
async function waiting(name: string): Promise<{ readonly taskId: string; readonly about: Output }> {
  await worker.call("agent_register", { name, capabilities: [{ name }] });
  const { task } = await worker.call("task_create", { type: name });
  const { assignments } = await worker.call("task_claim", { agent: name });
  const { assignmentId, fence } = assignments[0];
  const about = { agent: name, assignmentId, fence };
  await worker.call("approval_request", { ...about, question: "Deploy?" });
  return { taskId: task.id, about };
}

async function withPerson(
  options: { readonly era: "modern" | "legacy"; readonly key?: string; readonly answer: AnswerForm },
  work: (client: McpClient) => Promise<void>,
): Promise<void> {
  await using client = await connectMcp({ port: node.port, key: mesh.key, ...options });
  await work(client);
}

const approve: AnswerForm = () => ({ action: "accept", content: { approved: true as never } });

test.each(["modern", "legacy"] as const)("task_await asks the person at a %s client, and waits on", async (era) => {
  const { taskId, about } = await waiting(`asks-${era}`);
  const messages: string[] = [];
  const answer: AnswerForm = (form) => {
    messages.push(form.message);
    return approve(form);
  };
  await withPerson({ era, answer }, async (client) => {
    const awaited = client.call("task_await", { taskId, waitMs: 20_000 });
    const isAnswered = async (): Promise<boolean> =>
      (await worker.call("task_get", { taskId })).task.state === "running";
    await expect.poll(isAnswered).toBe(true);
    await worker.call("task_complete", { ...about, output: "deployed" });
    expect(await awaited).toMatchObject({
      isFinal: true,
      task: { state: "completed", output: "deployed", answers: [{ answer: { approved: true } }] },
    });
  });
  expect(messages).toEqual([`Agent asks-${era} asks: Deploy?`]);
});

test("a person who declines is not asked again, and the question stays", async () => {
  const { taskId } = await waiting("declined");
  let asked = 0;
  const decline: AnswerForm = () => {
    asked += 1;
    return { action: "decline" };
  };
  await withPerson({ era: "modern", answer: decline }, async (client) => {
    const given = await client.call("task_await", { taskId, waitMs: 100 });
    expect(given).toMatchObject({ isFinal: false, task: { state: "waiting", question: { question: "Deploy?" } } });
  });
  expect(asked).toBe(1);
});

test("a key that may only read asks nobody", async () => {
  const { taskId } = await waiting("read");
  const { text: key } = await mesh.createKey({ scopes: ["tasks:read"] });
  await withPerson({ era: "modern", key, answer: approve }, async (client) => {
    const given = await client.call("task_await", { taskId, waitMs: 100 });
    expect(given).toMatchObject({ isFinal: false, task: { state: "waiting" } });
  });
});

test.each(["modern", "legacy"] as const)(
  "the agent that asked approves nothing itself, at a %s client",
  async (era) => {
    const name = `asks-itself-${era}`;
    const { taskId } = await waiting(name);
    const { text: key } = await mesh.createKey({
      scopes: ["tasks:read", "tasks:write", "agents:connect"],
      agentName: name,
    });
    await withPerson({ era, key, answer: approve }, async (client) => {
      expect(await client.refused("task_await", { taskId, waitMs: 100 })).toMatchObject({
        code: "permission_denied",
        reason: "own_question",
      });
    });
    expect(await worker.call("task_get", { taskId })).toMatchObject({ task: { state: "waiting" } });
  },
);

test("who waits is told of each step, if it asked for progress", async () => {
  const name = "steps";
  await worker.call("agent_register", { name, capabilities: [{ name }] });
  const { task } = await worker.call("task_create", { type: name });
  const told: string[] = [];
  const onprogress = ({ message }: { readonly message?: string | undefined }): void => {
    told.push(message ?? "");
  };
  const awaited = worker.call("task_await", { taskId: task.id, waitMs: 20_000 }, { onprogress });
  const { assignments } = await worker.call("task_claim", { agent: name });
  const { assignmentId, fence } = assignments[0];
  const about = { agent: name, assignmentId, fence };
  // whoever looks first when the task has been claimed already is told of its next step
  const steps = async (): Promise<readonly string[]> => {
    await worker.call("task_progress", { ...about, note: "on it" });
    return told;
  };
  await expect.poll(steps).toContain("the task is running");
  await worker.call("task_complete", { ...about, output: 1 });
  expect(await awaited).toMatchObject({ isFinal: true });
});
