import type { TaskId } from "@devmesh/models";
import { checkLeaks, waitFor } from "@devmesh/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Mesh, type Node, openMesh } from "./_mesh.ts";
import { type Client, hello, type Payload, registered } from "./_socket.ts";

checkLeaks();

let mesh: Mesh;
let node: Node;

beforeAll(async () => {
  mesh = await openMesh();
  node = await mesh.startNode();
});
afterAll(() => mesh[Symbol.asyncDispose]());

const answeredBy = { kind: "pat", id: "01980000-0000-7000-8000-00000000000a" as never } as const;

interface Working {
  readonly agent: Client;
  readonly taskId: TaskId;
  readonly about: { readonly assignmentId: string; readonly fence: number };
}

/** An agent that works on a task of its own. */
async function working(name: string, task: object = {}): Promise<Working> {
  const agent = await registered({ port: node.port, key: mesh.key, name });
  await agent.request("TASK_SUBMIT", { task: { type: name, ...task } });
  const { payload } = await agent.next("TASK_ASSIGN");
  const about = { assignmentId: payload.assignmentId, fence: payload.fence };
  await agent.request("TASK_ACCEPT", about);
  return { agent, taskId: payload.task.id, about };
}

const answer = (taskId: TaskId, given: unknown) =>
  mesh.engine.answer({ tenantId: mesh.tenantId, taskId }, { answer: given, answeredBy });

const stateOf = async (agent: Client, taskId: TaskId): Promise<Payload> =>
  (await agent.request("TASK_GET", { taskId })).payload.task;

test("a task waits for a person, and goes on with the answer", async () => {
  const { agent, taskId, about } = await working("asker");
  const asked = await agent.request("TASK_NEEDS_INPUT", { ...about, question: "go on?", schema: { type: "boolean" } });
  expect(asked).toMatchObject({ name: "TASK_RECORDED", payload: { taskState: "waiting", duplicate: false } });
  expect(asked.payload).not.toHaveProperty("leaseUntil");
  expect(await agent.request("TASK_PROGRESS", { ...about, note: "asked" })).toMatchObject({
    payload: { taskState: "waiting" },
  });
  expect(await agent.request("TASK_EXTEND", { ...about, leaseMs: 1 })).toMatchObject({ name: "TASK_RECORDED" });
  expect(await agent.request("TASK_COMPLETE", { ...about, output: 1 })).toMatchObject({
    payload: { code: "failed_precondition" },
  });
  expect(await agent.request("TASK_NEEDS_INPUT", { ...about, question: "sure?" })).toMatchObject({
    payload: { code: "failed_precondition" },
  });
  const { question } = await stateOf(agent, taskId);
  expect(question).toMatchObject({ question: "go on?", schema: { type: "boolean" }, onTimeout: "fail" });
  expect(Date.parse(question.timeoutAt) - Date.parse(question.askedAt)).toBe(86_400_000);
  expect(await answer(taskId, "yes")).toMatchObject({ error: { reason: "answer_schema" } });
  expect(await answer(taskId, true)).toMatchObject({ taskState: "running" });
  const { payload: message } = await agent.next("MESSAGE");
  expect(message).toMatchObject({
    seq: 2,
    messageId: question.id,
    from: { id: "00000000-0000-0000-0000-000000000000", name: "devmesh" },
    kind: "task.answer",
    correlationId: about.assignmentId,
    content: { taskId, assignmentId: about.assignmentId, answer: true },
  });
  expect(message.sentAt).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  expect(await agent.request("TASK_COMPLETE", { ...about, output: 1 })).toMatchObject({
    payload: { taskState: "completed" },
  });
  expect((await stateOf(agent, taskId)).answers).toMatchObject([{ question: "go on?", answer: true, answeredBy }]);
  await agent.close();
});

test("a frame that is sent again asks nothing anew, before the answer and after it", async () => {
  const { agent, taskId, about } = await working("repeater");
  const frame = { id: "ask", ...about, question: "go on?" };
  agent.send("TASK_NEEDS_INPUT", frame);
  await agent.next(({ payload }) => payload.re === "ask");
  agent.socket.terminate();
  await agent.closed;
  const greeting = { lastSeq: 1, holding: [about.assignmentId] };
  const back = await hello({ port: node.port, key: mesh.key, name: "repeater", hello: greeting });
  const again = async (): Promise<Payload> => {
    back.send("TASK_NEEDS_INPUT", frame);
    return (await back.next(({ payload }) => payload.re === "ask")).payload;
  };
  await back.request("AGENT_REGISTER", { name: "repeater", capabilities: [{ name: "repeater" }], maxConcurrency: 1 });
  expect(await again()).toMatchObject({ taskState: "waiting", duplicate: true });
  await answer(taskId, null);
  expect(await again()).toMatchObject({ taskState: "running", duplicate: true });
  expect((await back.next("MESSAGE")).payload.content).toEqual({
    taskId,
    assignmentId: about.assignmentId,
    answer: null,
  });
  const anew = await back.request("TASK_NEEDS_INPUT", { ...about, question: "go on?" });
  expect(anew).toMatchObject({ payload: { taskState: "waiting", duplicate: false } });
  await back.close();
});

test("an answer waits for an agent that is away", async () => {
  const { agent, taskId, about } = await working("traveller");
  await agent.request("TASK_NEEDS_INPUT", { ...about, question: "go on?" });
  agent.socket.terminate();
  await agent.closed;
  expect(await answer(taskId, [1])).toMatchObject({ taskState: "running" });
  const back = await hello({ port: node.port, key: mesh.key, name: "traveller", hello: { lastSeq: 1 } });
  expect((await back.next("MESSAGE")).payload).toMatchObject({ seq: 2, content: { answer: [1] } });
  await back.close();
});

test("refuses what is no question, and what is about no assignment of the agent", async () => {
  const { agent, taskId, about } = await working("careless");
  const refusal = async (payload: object): Promise<Payload> =>
    (await agent.request("TASK_NEEDS_INPUT", { ...about, question: "?", ...payload })).payload;
  const invalid = (path: string) => ({ code: "invalid_argument", details: [{ path }] });
  expect(await refusal({ question: 1 })).toMatchObject(invalid("question"));
  expect(await refusal({ question: "x".repeat(16_385) })).toMatchObject(invalid("question"));
  expect(await refusal({ schema: [] })).toMatchObject(invalid("schema"));
  expect(await refusal({ schema: { type: "nothing" } })).toMatchObject({ code: "invalid_argument" });
  expect(await refusal({ schema: { $ref: "http://127.0.0.1/x" } })).toMatchObject(invalid("schema"));
  expect(await refusal({ timeoutMs: 0 })).toMatchObject(invalid("timeoutMs"));
  expect(await refusal({ timeoutMs: 2_592_000_001 })).toMatchObject(invalid("timeoutMs"));
  expect(await refusal({ onTimeout: "wait" })).toMatchObject(invalid("onTimeout"));
  expect(await refusal({ onTimeout: "default" })).toMatchObject(invalid("default"));
  expect(await refusal({ schema: { type: "string" }, default: 1 })).toMatchObject(invalid("default"));
  expect(await refusal({ assignmentId: "nothing" })).toMatchObject({ code: "not_found" });
  expect(await refusal({ fence: 0 })).toMatchObject({ code: "conflict", reason: "stale_assignment" });
  expect((await stateOf(agent, taskId)).state).toBe("running");
  await agent.close();
});

test.each<[string, object, string]>([
  ["fail", {}, "failed"],
  ["requeue", { onTimeout: "requeue" }, "assigned"],
  ["default", { onTimeout: "default", default: { ok: false } }, "running"],
])("a question that nobody answers in time ends as chosen: %s", async (name, more, state) => {
  const { agent, taskId, about } = await working(`late-${name}`);
  await agent.request("TASK_NEEDS_INPUT", { ...about, question: "go on?", timeoutMs: 1, ...more });
  await waitFor(
    async () => {
      await mesh.engine.sweep();
      return (await stateOf(agent, taskId)).state === state;
    },
    { what: `the task to be ${state}` },
  );
  if (name === "default") {
    expect((await agent.next("MESSAGE")).payload).toMatchObject({ content: { taskId, answer: { ok: false } } });
  } else {
    expect((await agent.next("TASK_CANCEL")).payload).toMatchObject({ ...about, reason: "input_timeout" });
    expect(await answer(taskId, 1)).toMatchObject({ error: { code: "failed_precondition" } });
  }
  if (name === "fail") expect((await stateOf(agent, taskId)).error.class).toBe("input_timeout");
  await agent.close();
});
