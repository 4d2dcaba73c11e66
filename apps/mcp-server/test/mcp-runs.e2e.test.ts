import type { Principal, Scope } from "@devmesh/auth";
import { type ApiKeyId, AppError, type Task, type TaskId, type TenantId } from "@devmesh/models";
import { createLogger, createMetrics } from "@devmesh/observability";
import {
  agentRepository,
  findWaitingToolAgents,
  keyRepository,
  pullRepository,
  type Sql,
  sql,
  taskReads,
  toolInputs,
} from "@devmesh/repositories";
import { createTaskWaiters, createUuidV7, sleep } from "@devmesh/runtime";
import { openOutputSchemas, type TaskEngine } from "@devmesh/tasks";
import { checkLeaks, waitFor } from "@devmesh/testing";
import { ProtocolError } from "@modelcontextprotocol/server";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { answerInputs } from "../src/mcp/tasks/answer-inputs.ts";
import { openInputs } from "../src/mcp/tasks/input-requests.ts";
import { type McpTasks, openTasks } from "../src/mcp/tasks/open-tasks.ts";
import type { Run, RunKind } from "../src/mcp/tasks/runs/run-kind.ts";
import { createToolAgents, submitRun } from "../src/mcp/tasks/runs/submit-run.ts";
import type { ToolCall } from "../src/mcp/tools/tool.ts";
import { type Mesh, openMesh } from "./_mesh.ts";

checkLeaks();

let mesh: Mesh;
let principal: Principal;
const stack = new AsyncDisposableStack();
const newId = createUuidV7();
const logger = createLogger({ level: "silent", service: "test" });
const text = (said: string) => ({ content: [{ type: "text" as const, text: said }] });

beforeAll(async () => {
  mesh = stack.use(await openMesh());
  const { id } = await mesh.createKey();
  principal = { tenantId: mesh.tenantId, id, kind: "agt", scopes: ["tasks:read", "tasks:write"] };
});
afterAll(() => stack.disposeAsync());

interface TestNode extends AsyncDisposable {
  readonly tasks: McpTasks;
  /** It has looked for what others left, as every node does when it begins. */
  readonly looked: Promise<void>;
  start(
    kind: string,
    more?: { readonly isRepeatable?: boolean; readonly arguments?: unknown; readonly quickMs?: number },
  ): Promise<TaskId>;
}

/** What a node has for tasks, with kinds of its own. */
async function openNode(
  kinds: readonly RunKind[],
  limits = {},
  {
    leaseMs = 30_000,
    engine = mesh.engine,
    maxWatches = 1_000,
    credentialCheckMs = 60_000,
  }: { leaseMs?: number; engine?: TaskEngine; maxWatches?: number; credentialCheckMs?: number } = {},
): Promise<TestNode> {
  await using opening = new AsyncDisposableStack();
  const reads = taskReads(mesh.database);
  const waiters = opening.use(createTaskWaiters({ reads, logger, maxWatches, recheckMs: 500 }));
  opening.defer(await mesh.hints.onTaskChanges((refs) => waiters.onChanged(refs)));
  const outputSchemas = opening.use(openOutputSchemas({ timeoutMs: 5_000, maxWaiting: 100 }));
  const looked = Promise.withResolvers<void>();
  const keys = keyRepository(mesh.database);
  const tasks = openTasks({
    engine,
    agents: agentRepository(mesh.database),
    pull: pullRepository(mesh.database),
    taskReads: reads,
    waiters,
    outputSchemas,
    inputs: toolInputs(mesh.database),
    findWaiting: (limit) => findWaitingToolAgents(mesh.database, limit).finally(looked.resolve),
    findKey: async (ref) => (await keys.findByIds([ref]))[0],
    credentialCheckMs,
    now: () => performance.now(),
    nudgeOutbox: () => undefined,
    newId,
    logger,
    metrics: createMetrics("test"),
    kinds,
    limits: { lookMs: 50, graceMs: 50, ...limits },
    leaseMs,
  });
  opening.use(tasks);
  const owned = opening.move();
  return {
    tasks,
    looked: looked.promise,
    async start(kind, { isRepeatable = false, arguments: given = {}, quickMs = 0 } = {}) {
      const call = { caller: { principal }, traceparent: undefined, signal: new AbortController().signal };
      const asked = { kind, arguments: given, title: kind, isRepeatable, quickMs };
      const answer = await tasks.runs.call(asked, call as unknown as ToolCall);
      if (answer.kind !== "task") throw new Error(`a task was expected, not ${answer.kind}`);
      return answer.taskId;
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function read(taskId: TaskId): Promise<Task> {
  const [task] = await taskReads(mesh.database).get(mesh.tenantId, [taskId], "whole");
  if (task === undefined) throw new Error(`no task ${taskId}`);
  return task;
}

async function reaches(taskId: TaskId, state: Task["state"]): Promise<Task> {
  await waitFor(async () => (await read(taskId)).state === state, { what: `${taskId} ${state}` });
  return read(taskId);
}

/** The lease of whoever holds a task has run out, and the sweep has seen it. */
async function endLease(taskId: TaskId): Promise<void> {
  await mesh.database.query(sql`
    update assignment set lease_until = now() - interval '1 second', check_at = now() - interval '1 second' where task_id = ${taskId}`);
  await mesh.engine.sweep();
}

const once = (name: string, run: RunKind["run"]): RunKind => ({ name, run });

describe("a run", () => {
  test("is carried out, and its result is the task's", async () => {
    await using node = await openNode([once("echo", async ({ arguments: given }) => text(JSON.stringify(given)))]);
    const task = await reaches(await node.start("echo", { arguments: { a: 1 } }), "completed");
    expect(task).toMatchObject({ type: "mcp.tool", output: text('{"a":1}'), assignedAgent: { name: "devmesh.tools" } });
  });

  test("that throws an error of the protocol fails for good, with its code", async () => {
    const kind = once("refuse", () => Promise.reject(new ProtocolError(-32_602, "no such city")));
    await using node = await openNode([kind]);
    const task = await reaches(await node.start("refuse", { isRepeatable: true }), "failed");
    expect(task.error).toEqual({ class: "permanent", message: "json-rpc error -32602: no such city" });
  });

  test("that is refused has that as its result, and what is away is tried again", async () => {
    let tries = 0;
    const refuse = once("deny", () => Promise.reject(new AppError("permission_denied", "not yours")));
    const away = once("away", async () => {
      tries += 1;
      if (tries === 1) throw new AppError("unavailable", "the server is away");
      return text("back");
    });
    await using node = await openNode([refuse, away]);
    const denied = await reaches(await node.start("deny"), "completed");
    expect(denied.output).toMatchObject({
      isError: true,
      structuredContent: { error: { code: "permission_denied", message: "not yours" } },
    });
    const taskId = await node.start("away", { isRepeatable: true });
    await reaches(taskId, "scheduled");
    await mesh.database.query(sql`update task set wake_at = now() - interval '1 second' where id = ${taskId}`);
    await mesh.engine.sweep();
    expect((await reaches(taskId, "completed")).output).toEqual(text("back"));
  });

  test("is aborted when its task is cancelled", async () => {
    let signal: AbortSignal | undefined;
    const kind = once("hang", async (run) => {
      signal = run.signal;
      await sleep(60_000, run.signal);
      return text("too late");
    });
    await using node = await openNode([kind]);
    const taskId = await node.start("hang");
    await reaches(taskId, "running");
    await mesh.engine.cancel({ tenantId: mesh.tenantId, taskId }, "enough");
    await waitFor(() => signal?.aborted === true, { what: "the abort" });
    expect((await read(taskId)).state).toBe("cancelled");
  });

  test("whose result the ledger can't keep is an error of the tool", async () => {
    await using node = await openNode([once("flood", async () => text("x".repeat(1_100_000)))]);
    const { output } = await reaches(await node.start("flood"), "completed");
    expect(output).toMatchObject({ isError: true, content: [{ text: expect.stringContaining("exceeds the limit") }] });
  });

  test("of a kind that a node does not know is given back, and that is no try", async () => {
    await using node = await openNode([]);
    const taskId = await node.start("later");
    expect(await reaches(taskId, "scheduled")).toMatchObject({ attempt: 1, maxAttempts: 1 });
    await mesh.engine.cancel({ tenantId: mesh.tenantId, taskId }, "enough");
  });

  test("beyond what a node carries out at once waits for its turn", async () => {
    const gate = Promise.withResolvers<void>();
    let most = 0;
    let now = 0;
    const kind = once("slot", async () => {
      now += 1;
      most = Math.max(most, now);
      await gate.promise;
      now -= 1;
      return text("done");
    });
    await using node = await openNode([kind], { maxRuns: 2 });
    const ids = await Promise.all([node.start("slot"), node.start("slot"), node.start("slot")]);
    await waitFor(() => now === 2, { what: "two runs" });
    gate.resolve();
    await Promise.all(ids.map((id) => reaches(id, "completed")));
    expect(most).toBe(2);
  });
});

describe("what a node carries out", () => {
  test("takes no places of other tenants", async () => {
    const hang = once("hang", async ({ signal }) => {
      await sleep(60_000, signal);
      return text("too late");
    });
    await using node = await openNode([hang, once("echo", async () => text("here"))], {
      maxRuns: 3,
      maxRunsOfTenant: 2,
    });
    const ids = [await node.start("hang"), await node.start("hang"), await node.start("hang")];
    await waitFor(async () => (await Promise.all(ids.map(read))).filter(isRunning).length === 2, { what: "two runs" });
    const tenantId = newId() as TenantId;
    await keyRepository(mesh.database).createTenant({ id: tenantId, name: tenantId });
    const toolAgents = createToolAgents(agentRepository(mesh.database), newId);
    const { id: keyId } = await mesh.createKey({ tenantId });
    const asked = {
      principal: { ...principal, tenantId, id: keyId },
      kind: "echo",
      arguments: {},
      title: "echo",
      isRepeatable: false,
    };
    const { id } = await submitRun({ engine: mesh.engine, toolAgents, nudgeOutbox: () => undefined }, asked);
    await waitFor(
      async () => (await taskReads(mesh.database).get(tenantId, [id], "listed"))[0]?.state === "completed",
      { what: "the other tenant's" },
    );
    for (const taskId of ids) await mesh.engine.cancel({ tenantId: mesh.tenantId, taskId }, "enough");
  });

  test("tells of itself what can be kept, whatever its tool says", async () => {
    const gate = Promise.withResolvers<void>();
    const tell = once("tell", async ({ report }) => {
      report({ percent: 10, note: "a\0b\ud800" });
      await gate.promise;
      throw new ProtocolError(-32_602, `no \0${"x".repeat(15_960)}${"\u{1F600}".repeat(20)}`);
    });
    await using node = await openNode([tell]);
    const taskId = await node.start("tell");
    await waitFor(async () => (await read(taskId)).progress?.note === "a\uFFFDb\uFFFD", { what: "its note" });
    gate.resolve();
    expect((await reaches(taskId, "failed")).error?.message.isWellFormed()).toBe(true);
  });

  test("is recorded once the database is there again", async () => {
    let refusals = 0;
    const perform: TaskEngine["perform"] = (operation) => {
      if (operation.word.kind !== "complete" || refusals === 2) return mesh.engine.perform(operation);
      refusals += 1;
      return Promise.reject(new AppError("unavailable", "the database is away"));
    };
    let calls = 0;
    const count = once("count", async () => text(`call ${++calls}`));
    await using node = await openNode([count], {}, { engine: { ...mesh.engine, perform } });
    expect((await reaches(await node.start("count"), "completed")).output).toEqual(text("call 1"));
    expect(refusals).toBe(2);
  });

  test("goes on where too many wait for tasks to hear of its end, and its caller has its handle", async () => {
    let signal: AbortSignal | undefined;
    const hang = once("hang", async (run) => {
      signal = run.signal;
      await sleep(60_000, run.signal);
      return text("too late");
    });
    const kinds = [hang, once("echo", async () => text("here"))];
    await using node = await openNode(kinds, {}, { leaseMs: 1_500, maxWatches: 0 });
    await reaches(await node.start("echo", { quickMs: 1_000 }), "completed");
    const taskId = await node.start("hang");
    await reaches(taskId, "running");
    await mesh.engine.cancel({ tenantId: mesh.tenantId, taskId }, "enough");
    // the next renewal of its lease tells
    await waitFor(() => signal?.aborted === true, { what: "the abort" });
  });

  test("is what was submitted as a run, and nothing else that fits the mesh's own agent", async () => {
    await using _node = await openNode([once("echo", async () => text("here"))]);
    await createToolAgents(agentRepository(mesh.database), newId).find(mesh.tenantId);
    const context = { tenantId: mesh.tenantId, principalId: principal.id, isOwn: true };
    const requirements = { agent: "devmesh.tools", capabilities: ["mcp.tool"] };
    const input = { kind: "echo", arguments: {}, principal: { ...principal, scopes: ["admin"] } };
    const { task } = await mesh.engine.submit(context, { type: "work", requirements, input });
    expect((await reaches(task.id, "failed")).error?.message).toBe("is no run of a tool");
  });
});

const isRunning = ({ state }: Task): boolean => state === "running";

describe("a node that dies", () => {
  /** A run whose node is gone: nobody holds its lease, and the sweep has seen that. */
  async function left({ isRepeatable }: { readonly isRepeatable: boolean }): Promise<TaskId> {
    const toolAgents = createToolAgents(agentRepository(mesh.database), newId);
    const deps = { engine: mesh.engine, toolAgents, nudgeOutbox: () => undefined };
    const { id } = await submitRun(deps, { principal, kind: "echo", arguments: {}, title: "echo", isRepeatable });
    const claim = { tenantId: mesh.tenantId, agentId: await toolAgents.find(mesh.tenantId), max: 20, waitMs: 20_000 };
    const { signal } = new AbortController();
    const claimed = await mesh.engine.claim({ ...claim, principalId: newId() as ApiKeyId, signal });
    expect(claimed.map(({ task }) => task.id)).toContain(id);
    await endLease(id);
    return id;
  }
  const echo = once("echo", async () => text("here"));

  /** What waits for its next try need not wait any longer. */
  async function endDelay(taskId: TaskId): Promise<void> {
    await mesh.database.query(
      sql`update task set wake_at = now() - interval '1 second' where id = ${taskId} and state = 'scheduled'`,
    );
    await mesh.engine.sweep();
  }

  test("leaves a call that failed, and that says why", async () => {
    const taskId = await left({ isRepeatable: false });
    expect((await read(taskId)).error).toEqual({ class: "retryable", message: "the lease ran out" });
    await using node = await openNode([echo]);
    const handle = await node.tasks.describeTask({ principal } as never, taskId);
    expect(handle).toMatchObject({ status: "failed", statusMessage: "the lease ran out" });
  });

  test("leaves a call that may be repeated to another node", async () => {
    const taskId = await left({ isRepeatable: true });
    await using _other = await openNode([echo]);
    await endDelay(taskId);
    expect(await reaches(taskId, "completed")).toMatchObject({ attempt: 2, output: text("here") });
  });

  test("leaves it to one that is told to look, long before it looks by itself", async () => {
    await using node = await openNode([echo], { lookMs: 60_000, soonMs: 10 });
    await node.looked;
    const taskId = await left({ isRepeatable: true });
    await endDelay(taskId);
    await waitFor(async () => (await read(taskId)).state === "queued", { what: "its turn" });
    node.tasks.lookSoon();
    expect(await reaches(taskId, "completed")).toMatchObject({ attempt: 2 });
  });

  test("and is told to end gives back what may be repeated, uncounted, and fails the rest", async () => {
    const hang = once("hang", async ({ signal }) => {
      await sleep(60_000, signal);
      return text("too late");
    });
    const node = await openNode([hang]);
    const [again, never] = [await node.start("hang", { isRepeatable: true }), await node.start("hang")];
    await Promise.all([reaches(again, "running"), reaches(never, "running")]);
    await node[Symbol.asyncDispose]();
    expect((await read(never)).error?.message).toBe("the node that ran the tool has ended");
    const givenBack = await read(again);
    expect([givenBack.attempt, ["queued", "scheduled"].includes(givenBack.state)]).toEqual([1, true]);
    await mesh.engine.cancel({ tenantId: mesh.tenantId, taskId: again }, "enough");
  });
});

describe("a run that asks", () => {
  const form = (message: string) => ({
    message,
    requestedSchema: { type: "object" as const, properties: { name: { type: "string" as const } }, required: ["name"] },
  });
  let asked = 0;
  const pair = once("pair", async ({ ask }: Run) => {
    asked += 1;
    const { a, b } = await ask({ a: form("A?"), b: form("B?") });
    return text(`${a?.content?.["name"]} and ${b?.content?.["name"]}, asked ${asked}`);
  });
  beforeEach(() => {
    asked = 0;
  });
  const accept = (name: string) => ({ action: "accept", content: { name } });
  const deps = async (): Promise<Parameters<typeof answerInputs>[0]> => ({
    engine: mesh.engine,
    inputs: toolInputs(mesh.database),
    outputSchemas: stack.use(openOutputSchemas({ timeoutMs: 5_000, maxWaiting: 100 })),
    nudgeOutbox: () => undefined,
  });

  test("goes on once all is answered, one by one, at any node", async () => {
    await using node = await openNode([pair]);
    const task = await reaches(await node.start("pair"), "waiting");
    const [first, second] = openInputs(task, new Set()).map(({ key }) => key);
    const answering = await deps();
    await expect(
      answerInputs(answering, principal, task, { [first ?? ""]: { action: "accept" } }),
    ).rejects.toMatchObject({
      code: "invalid_argument",
    });
    await answerInputs(answering, principal, task, { [first ?? ""]: accept("Ann"), unknown: accept("x") });
    // the first answer counts
    await answerInputs(answering, principal, task, { [first ?? ""]: accept("Eve") });
    expect((await read(task.id)).state).toBe("waiting");
    await answerInputs(answering, principal, task, { [second ?? ""]: accept("Bob") });
    expect((await reaches(task.id, "completed")).output).toEqual(text("Ann and Bob, asked 1"));
  });

  test("is answered by the next word where the last one got lost on its way, and not with too much", async () => {
    await using node = await openNode([pair]);
    const task = await reaches(await node.start("pair"), "waiting");
    const keys = openInputs(task, new Set()).map(({ key }) => key);
    const answering = await deps();
    const long = Object.fromEntries(keys.map((key) => [key, accept("x".repeat(40_000))]));
    await expect(answerInputs(answering, principal, task, long)).rejects.toMatchObject({ code: "invalid_argument" });
    const asked = { tenantId: mesh.tenantId, taskId: task.id, questionId: task.question?.id ?? "" };
    const kept = ["a", "b"].map((name) => [name, JSON.stringify(accept(name))] as const);
    await answering.inputs.add(asked, new Map(kept));
    await answerInputs(answering, principal, task, {});
    expect((await reaches(task.id, "completed")).output).toEqual(text("a and b, asked 1"));
  });

  test("is not asked again by the node that takes it over", async () => {
    const node = await openNode([pair]);
    const task = await reaches(await node.start("pair", { isRepeatable: true }), "waiting");
    const keys = openInputs(task, new Set()).map(({ key }) => key);
    // it is left as it is: the question stays, and the lease stands still
    await node[Symbol.asyncDispose]();
    expect(await read(task.id)).toMatchObject({ state: "waiting", question: { id: task.question?.id } });
    await using _other = await openNode([pair]);
    const answers = Object.fromEntries(keys.map((key, index) => [key, accept(`P${index}`)]));
    await answerInputs(await deps(), principal, task, answers);
    await endLease(task.id);
    expect((await reaches(task.id, "completed")).output).toEqual(text("P0 and P1, asked 2"));
  });
});

describe("a run whose caller's key", () => {
  const hang = once("hang", async ({ signal }) => {
    await sleep(60_000, signal);
    return text("too late");
  });
  const tell = once("tell", async (run) => text(run.principal.scopes.join()));

  /** A call of a key of its own that no node has begun to carry out. */
  async function submitted(kind: string, scopes: Scope[] = ["tasks:read"]): Promise<{ taskId: TaskId; key: ApiKeyId }> {
    const { id: key } = await mesh.createKey({ scopes });
    const toolAgents = createToolAgents(agentRepository(mesh.database), newId);
    const asked = {
      principal: { ...principal, id: key, scopes },
      kind,
      arguments: {},
      title: kind,
      isRepeatable: true,
    };
    const deps = { engine: mesh.engine, toolAgents, nudgeOutbox: () => undefined };
    return { taskId: (await submitRun(deps, asked)).id, key };
  }
  const change = (key: ApiKeyId, to: Sql): Promise<unknown> =>
    mesh.database.query(sql`update api_key set ${to} where id = ${key}`);
  const ended = (why: string) => ({
    class: "permanent",
    message: expect.stringMatching(`^the caller's API key has ended: the API key ${why}`),
  });

  test("was revoked, or has expired, before it began fails for good, and so does its retry", async () => {
    const [revoked, expired] = [await submitted("tell"), await submitted("tell")];
    await mesh.revokeKey(revoked.key);
    await change(expired.key, sql`expires_at = now() - interval '1 second'`);
    await using _node = await openNode([tell]);
    expect((await reaches(revoked.taskId, "failed")).error).toEqual(ended("was revoked"));
    expect((await reaches(expired.taskId, "failed")).error).toEqual(ended("expired at"));
    await mesh.engine.redrive({ tenantId: mesh.tenantId, taskId: revoked.taskId });
    await waitFor(async () => (await read(revoked.taskId)).state === "failed", { what: "its second end" });
    expect((await read(revoked.taskId)).error).toEqual(ended("was revoked"));
  });

  test("lost scopes acts with those that are left, of those that it had", async () => {
    const { taskId, key } = await submitted("tell", ["tasks:read", "tools:execute"]);
    await change(key, sql`scopes = '{tools:execute, tasks:write}'`);
    await using _node = await openNode([tell]);
    expect((await reaches(taskId, "completed")).output).toEqual(text("tools:execute"));
  });

  test("ends while it is under way is ended with it, and one that may not do this any more", async () => {
    const picky = {
      ...hang,
      name: "picky",
      isAllowed: async ({ scopes }: Principal) => scopes.includes("tools:execute"),
    };
    await using _node = await openNode([hang, picky], {}, { credentialCheckMs: 20 });
    const revoked = await submitted("hang");
    const narrowed = await submitted("picky", ["tools:execute", "tasks:read"]);
    const untouched = await submitted("picky", ["tools:execute", "tasks:read"]);
    for (const { taskId } of [revoked, narrowed, untouched]) await reaches(taskId, "running");
    await mesh.revokeKey(revoked.key);
    await change(narrowed.key, sql`scopes = '{tasks:read}'`);
    await change(untouched.key, sql`scopes = '{tools:execute}'`);
    expect((await reaches(revoked.taskId, "failed")).error).toEqual(ended("was revoked"));
    expect((await reaches(narrowed.taskId, "failed")).error).toEqual({
      class: "permanent",
      message: "the caller's API key lost a scope that this needs",
    });
    expect((await read(untouched.taskId)).state).toBe("running");
    await mesh.engine.cancel({ tenantId: mesh.tenantId, taskId: untouched.taskId }, "enough");
  });

  test("was revoked while a person was asked does not go on with the answer", async () => {
    let answered: unknown;
    const ask = once("ask", async (run) => {
      const form = { message: "Pay?", requestedSchema: { type: "object" as const, properties: {} } };
      answered = await run.ask({ pay: form });
      return text("paid");
    });
    await using _node = await openNode([ask]);
    const { taskId, key } = await submitted("ask");
    await reaches(taskId, "waiting");
    await mesh.revokeKey(key);
    const answer = { pay: { action: "accept", content: {} } };
    const answeredBy = { kind: "agt", id: principal.id } as const;
    await mesh.engine.answer({ tenantId: mesh.tenantId, taskId }, { answer, answeredBy });
    expect((await reaches(taskId, "failed")).error).toEqual(ended("was revoked"));
    expect(answered).toBeUndefined();
  });
});

test("nobody else submits a run, or registers its agent", async () => {
  const context = { tenantId: mesh.tenantId, principalId: principal.id };
  await expect(mesh.engine.submit(context, { type: "mcp.tool" })).rejects.toMatchObject({
    code: "invalid_argument",
    details: [{ path: "type" }],
  });
});
