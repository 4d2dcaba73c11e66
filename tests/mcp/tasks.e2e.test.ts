import type { TenantId } from "@devmesh/models";
import { keyRepository } from "@devmesh/repositories";
import { createUuidV7 } from "@devmesh/runtime";
import type { ServiceProcess } from "@devmesh/testing";
import { waitFor } from "@devmesh/testing";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { createTaskSessionFromClient, resultFromTaskOutcome } from "@modelcontextprotocol/ext-tasks/client";
import { isDetailedTaskV2 } from "@modelcontextprotocol/ext-tasks/core/v2";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type McpNode, startMcpNode } from "./kit/mcp-node.ts";
import { sendModern } from "./kit/modern-request.ts";

// biome-ignore lint/suspicious/noExplicitAny: what is answered is what the tests are about
type Answer = any;

const extension = "io.modelcontextprotocol/tasks";
const takesTasks = { elicitation: {}, extensions: { [extension]: {} } };

let node: McpNode | undefined;
/** A second process over the same database. */
let beside: { readonly url: string; readonly process: ServiceProcess } | undefined;

beforeAll(async () => {
  node = await startMcpNode({ args: ["--conformance-fixtures"] });
  beside = await node?.startBeside();
});
afterAll(async () => {
  await beside?.process[Symbol.asyncDispose]();
  await node?.[Symbol.asyncDispose]();
});

/** The tests run where there is a node: without Postgres they are left out as a whole. */
const onNodes = (name: string, work: (a: McpNode, b: { readonly url: string }) => Promise<void>): void =>
  test(name, async ({ skip }) => {
    if (node === undefined || beside === undefined) return skip();
    await work(node, beside);
  });

interface Asking {
  readonly url: string;
  readonly key?: string | undefined;
  readonly capabilities?: object;
}

/** The whole JSON-RPC answer. */
async function ask(
  { url, key = node?.apiKey ?? "", capabilities = takesTasks }: Asking,
  method: string,
  params: Readonly<Record<string, unknown>>,
): Promise<Answer> {
  const name = params["taskId"] ?? params["name"];
  const request = { method, params, capabilities: { ...capabilities }, headers: { "mcp-name": String(name) } };
  const response = await sendModern(url, key, request);
  return response.json();
}

const call = async (asking: Asking, name: string, given: object = {}): Promise<Answer> =>
  (await ask(asking, "tools/call", { name, arguments: given })).result;
const get = async (asking: Asking, taskId: string): Promise<Answer> =>
  (await ask(asking, "tasks/get", { taskId })).result;

async function reaches(asking: Asking, taskId: string, status: string): Promise<Answer> {
  await waitFor(async () => (await get(asking, taskId)).status === status, { what: `${taskId} ${status}` });
  return get(asking, taskId);
}

/** An agent of the mesh that has claimed a new task; it may ask a person. */
async function claimed(asking: Asking, type: string): Promise<{ readonly taskId: string; readonly about: Answer }> {
  await call(asking, "agent_register", { name: type, capabilities: [{ name: type }] });
  const { task } = (await call(asking, "task_create", { type })).structuredContent;
  const { assignments } = (await call(asking, "task_claim", { agent: type })).structuredContent;
  const { assignmentId, fence } = assignments[0];
  return { taskId: task.id, about: { agent: type, assignmentId, fence } };
}

describe("a task of MCP", () => {
  onNodes("is answered by another process, also after its own was killed", async (a, b) => {
    const own = await a.startBeside();
    const { taskId, status } = await call(own, "confirm_delete", { filename: "a.txt" });
    expect(status).toBe("working");
    await reaches(own, taskId, "input_required");
    const done = await call(own, "slow_compute", { seconds: 0 });
    await reaches(own, done.taskId, "completed");
    await own.process.kill();
    const answered = await get(b, done.taskId);
    expect(answered).toMatchObject({ status: "completed", result: { content: [{ text: "computed for 0 s" }] } });
    expect(isDetailedTaskV2(answered)).toBe(true);
    const waiting = await get(b, taskId);
    expect(waiting).toMatchObject({ status: "input_required", statusMessage: "Delete a.txt?" });
    expect(isDetailedTaskV2(waiting)).toBe(true);
    const [key = ""] = Object.keys(waiting.inputRequests);
    const inputResponses = { [key]: { action: "accept", content: { confirm: true } } };
    expect((await ask(b, "tasks/update", { taskId, inputResponses })).result).toMatchObject({ resultType: "complete" });
    // a run that may be repeated goes on at another node once the lease of the dead one has ended; one that another node has
    // taken up, as any may, is done by now
    expect(["working", "completed"]).toContain((await get(b, taskId)).status);
    await ask(b, "tasks/cancel", { taskId });
    await waitFor(async () => ["cancelled", "completed"].includes((await get(a, taskId)).status), { what: "its end" });
  });

  onNodes("is told of to whoever listens, at any node, with all that tasks/get would show", async (a, b) => {
    const { taskId } = await call(a, "multi_input");
    const stop = new AbortController();
    const response = await sendModern(b.url, a.apiKey, {
      method: "subscriptions/listen",
      params: { notifications: { taskIds: [taskId, "0198ffff-0000-7000-8000-000000000000"] } },
      capabilities: takesTasks,
      signal: stop.signal,
    });
    const heard = messagesOf(response);
    const acknowledged = await heard.next();
    expect(acknowledged.value).toMatchObject({
      method: "notifications/subscriptions/acknowledged",
      params: { notifications: { taskIds: [taskId] } },
    });
    const statuses: string[] = [];
    for await (const { method, params } of heard) {
      expect(method).toBe("notifications/tasks");
      expect(isDetailedTaskV2(params)).toBe(true);
      if (statuses.at(-1) !== params.status) statuses.push(params.status);
      if (params.status === "input_required") {
        const answers = Object.keys(params.inputRequests).map((key) => [
          key,
          { action: "accept", content: { name: "Ann" } },
        ]);
        await ask(a, "tasks/update", { taskId, inputResponses: Object.fromEntries(answers) });
      }
      if (params.status === "completed") break;
    }
    stop.abort();
    expect(statuses).toContain("input_required");
    expect(statuses.at(-1)).toBe("completed");
  });

  onNodes("is nobody's of another tenant, and needs the capability and the scope", async (a, b) => {
    const { taskId } = await call(a, "slow_compute", { seconds: 30 });
    const otherKey = await keyOfAnotherTenant(a);
    for (const method of ["tasks/get", "tasks/update", "tasks/cancel"]) {
      const params = { taskId, inputResponses: {} };
      expect((await ask({ ...b, key: otherKey }, method, params)).error).toMatchObject({ code: -32_602 });
      expect((await ask({ ...b, capabilities: {} }, method, params)).error).toMatchObject({
        code: -32_021,
        data: { requiredCapabilities: { extensions: { [extension]: {} } } },
      });
    }
    const reader = await a.createKey(["tasks:read"]);
    expect((await ask({ ...b, key: reader }, "tasks/cancel", { taskId })).error).toMatchObject({
      data: { reason: "missing_scope", scope: "tasks:write" },
    });
    expect((await ask({ ...b, key: reader }, "tasks/get", { taskId: "no-id" })).error).toMatchObject({ code: -32_602 });
    const unknown = { taskId: createUuidV7()() };
    // what there is, and what there isn't, is not told to who may read neither
    expect((await ask({ ...b, key: reader }, "tasks/cancel", unknown)).error).toMatchObject({
      data: { reason: "missing_scope" },
    });
    // whoever made the call may cancel it
    const own = await call({ ...a, key: reader }, "slow_compute", { seconds: 30 });
    await ask({ ...b, key: reader }, "tasks/cancel", { taskId: own.taskId });
    await reaches(b, own.taskId, "cancelled");
    await ask(a, "tasks/cancel", { taskId });
    await reaches(b, taskId, "cancelled");
    const response = await sendModern(b.url, a.apiKey, {
      method: "subscriptions/listen",
      params: { notifications: { taskIds: [taskId] } },
    });
    expect(await response.json()).toMatchObject({ error: { code: -32_021 } });
  });
});

describe("task_await", () => {
  onNodes("gives a handle at once, whose end is what it would have answered", async (a, b) => {
    const { taskId, about } = await claimed(a, "awaited");
    const handle = await call(a, "task_await", { taskId });
    expect(handle).toMatchObject({ resultType: "task", taskId, status: "working", ttlMs: null });
    await call(b, "task_complete", { ...about, output: { ok: true } });
    const ended = await reaches(b, taskId, "completed");
    const { structuredContent } = await call(a, "task_await", { taskId });
    expect(structuredContent).toMatchObject({ isFinal: true, task: { state: "completed", output: { ok: true } } });
    expect(ended.result.structuredContent).toEqual(structuredContent);
  });

  onNodes("waits for who takes no tasks, and gives the task as it stands", async (a) => {
    const { taskId, about } = await claimed(a, "waited");
    const plain = { ...a, capabilities: {} };
    const early = await call(plain, "task_await", { taskId, waitMs: 0 });
    expect(early.structuredContent).toMatchObject({ isFinal: false, task: { state: "running" } });
    const waiting = call(plain, "task_await", { taskId, waitMs: 20_000 });
    await call(a, "task_fail", { ...about, class: "permanent", message: "broken" });
    expect((await waiting).structuredContent).toMatchObject({ isFinal: true, task: { state: "failed" } });
    const unknown = await call(plain, "task_await", { taskId: "0198ffff-0000-7000-8000-000000000000" });
    expect(unknown).toMatchObject({ isError: true, structuredContent: { error: { code: "not_found" } } });
  });

  onNodes("passes an agent's question on, as input of the task or as a form", async (a, b) => {
    const first = await claimed(a, "asks");
    await askPerson(a, first);
    await call(a, "task_await", { taskId: first.taskId });
    const { inputRequests } = await reaches(b, first.taskId, "input_required");
    const [key = ""] = Object.keys(inputRequests);
    expect(inputRequests[key].params).toMatchObject({ message: "Agent asks asks: Deploy?", mode: "form" });
    const said = (content: object) => ({
      taskId: first.taskId,
      inputResponses: { [key]: { action: "accept", content } },
    });
    const wrong = [
      said({ approved: "yes" }),
      { taskId: first.taskId, inputResponses: { [key]: 5 } },
      { taskId: first.taskId },
    ];
    for (const params of wrong) expect((await ask(b, "tasks/update", params)).error).toMatchObject({ code: -32_602 });
    expect(
      (await ask(b, "tasks/update", { ...said({}), inputResponses: { [key]: { action: "decline" } } })).error,
    ).toBe(undefined);
    expect((await get(b, first.taskId)).status).toBe("input_required");
    await ask(b, "tasks/update", said({ approved: true }));
    await reaches(a, first.taskId, "working");

    const second = await claimed(a, "forms");
    await askPerson(a, second);
    const showsForms = { ...b, capabilities: { elicitation: { form: {} } } };
    const given = { taskId: second.taskId, waitMs: 200 };
    const round = await call(showsForms, "task_await", given);
    expect(round.resultType).toBe("input_required");
    const [question = ""] = Object.keys(round.inputRequests);
    const { result } = await ask(showsForms, "tools/call", {
      name: "task_await",
      arguments: given,
      inputResponses: { [question]: { action: "accept", content: { approved: false } } },
      requestState: round.requestState,
    });
    expect(result.structuredContent.task).toMatchObject({
      state: "running",
      answers: [{ answer: { approved: false } }],
    });
  });
});

onNodes("the tasks client of the extension runs tools to their end, and answers what they ask", async (a) => {
  const requestInit = { headers: { authorization: `Bearer ${a.apiKey}` } };
  const client = new Client(
    { name: "test", version: "1" },
    { capabilities: takesTasks, versionNegotiation: { mode: { pin: "2026-07-28" } } },
  );
  await client.connect(new StreamableHTTPClientTransport(new URL(`${a.url}/mcp`), { requestInit }));
  const session = createTaskSessionFromClient(client, {
    endpointId: "devmesh",
    v2RequestFraming: {
      protocolVersion: "2026-07-28",
      clientInfo: { name: "test", version: "1" },
      clientCapabilities: { elicitation: {} },
    },
    rawDispatch: (request) => rawDispatch(a, request),
    onInputRequest: async () => ({ action: "accept", content: { confirm: true, name: "Ann" } }) as never,
  });
  const execution = await session.callTool("confirm_delete", { filename: "b.txt" });
  const { outcome } = await execution.settle();
  expect(resultFromTaskOutcome(outcome)).toMatchObject({ content: [{ text: "deleted b.txt" }] });
  const failing = await (await session.callTool("protocol_error_job", {})).settle();
  expect(() => resultFromTaskOutcome(failing.outcome)).toThrow("the job panicked");
  await session.close();
  await client.close();
});

/** As the SDK's client would send it, which refuses answers that are tasks. */
async function rawDispatch({ url, apiKey }: McpNode, request: unknown): Promise<Answer> {
  const { method, params = {} } = request as { readonly method: string; readonly params?: Answer };
  const response = await sendModern(url, apiKey, {
    method,
    params,
    headers: { "mcp-name": String(params.name ?? params.taskId) },
  });
  return response.json();
}

/** The task waits for a person: its agent shows no forms itself. */
async function askPerson(asking: Asking, { about }: { readonly about: Answer }): Promise<void> {
  const noForms = { ...asking, capabilities: {} };
  const { structuredContent } = await call(noForms, "approval_request", { ...about, question: "Deploy?" });
  expect(structuredContent).toMatchObject({ decision: "waiting" });
}

async function keyOfAnotherTenant({ database, createKey }: McpNode): Promise<string> {
  const id = createUuidV7()() as TenantId;
  await keyRepository(database).createTenant({ id, name: `tenant-${id}` });
  return createKey(["admin"], id);
}

/** The messages of a stream of server-sent events. */
async function* messagesOf({ body }: Response): AsyncGenerator<Answer> {
  let text = "";
  for await (const chunk of body ?? []) {
    text += Buffer.from(chunk).toString();
    const frames = text.split("\n\n");
    text = frames.pop() ?? "";
    for (const frame of frames) {
      const data = /^data: (.+)$/m.exec(frame)?.[1];
      if (data !== undefined) yield JSON.parse(data);
    }
  }
}
