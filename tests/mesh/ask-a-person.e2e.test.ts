import { connectAgent, type MeshAgent, type TaskHandler } from "@devmesh/agent-sdk";
import type { AttentionItem, Task } from "@devmesh/models";
import { waitFor } from "@devmesh/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Fleet, openFleet } from "../kit/fleet.ts";

/** Long enough for a machine that stands still for a moment: a lease that runs out on its way is another test. */
const leaseMs = 3_000;

let fleet: Fleet;
beforeAll(async () => {
  fleet = await openFleet({
    times: { DEVMESH_HEARTBEAT_MS: "1000", DEVMESH_LEASE_MS: String(leaseMs), DEVMESH_ACCEPT_MS: "2000" },
  });
});
afterAll(() => fleet[Symbol.asyncDispose]());

async function api<T>(method: "GET" | "POST", path: string, body?: unknown): Promise<T> {
  const response = await fetch(`${fleet.rest.url}/api/v1${path}`, {
    method,
    headers: { authorization: `Bearer ${fleet.apiKey}`, "content-type": "application/json" },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const answer = (await response.json()) as { readonly data: T; readonly error?: unknown };
  if (!response.ok) throw new Error(`${path}: ${JSON.stringify(answer.error)}`);
  return answer.data;
}

/** Connects an agent that works only once it is told how. A newer one of the same name replaces the older. */
async function connectIdle(name: string): Promise<MeshAgent> {
  const url = `${fleet.mcp[0]?.url.replace("http", "ws")}/ws`;
  return connectAgent({ url, apiKey: fleet.apiKey, name, capabilities: [{ name }], graceMs: 0 });
}

async function connect(name: string, handler: TaskHandler): Promise<MeshAgent> {
  const agent = await connectIdle(name);
  agent.handle({ [name]: handler }).catch(() => undefined);
  return agent;
}

const submit = async (type: string, more: object = {}): Promise<string> =>
  (await api<Task>("POST", "/tasks", { type, ...more })).id;
const read = (taskId: string): Promise<Task> => api<Task>("GET", `/tasks/${taskId}`);
const reach = (taskId: string, state: Task["state"]): Promise<Task> =>
  waitFor(
    async () => {
      const task = await read(taskId);
      return task.state === state ? task : undefined;
    },
    { what: `${taskId} to be ${state}` },
  );
const question = (taskId: string): Promise<AttentionItem> =>
  waitFor(
    async () => (await api<readonly AttentionItem[]>("GET", "/attention")).find((item) => item.taskId === taskId),
    { what: "the question" },
  );
const typesOf = async (taskId: string): Promise<readonly string[]> =>
  (await api<readonly { type: string }[]>("GET", `/tasks/${taskId}/events`)).map(({ type }) => type);

test("a handler asks, a person answers, the task is completed", async () => {
  await using _agent = await connect("approve", async (task, ctx) => {
    const approved = await ctx.ask(`pay ${String(task.input)}?`, { schema: { type: "boolean" } });
    return approved === true ? "paid" : "kept";
  });
  const taskId = await submit("approve", { input: 7 });
  const item = await question(taskId);
  expect(item).toMatchObject({ question: "pay 7?", schema: { type: "boolean" }, agent: { name: "approve" } });
  await expect(api("POST", `/tasks/${taskId}/answer`, { answer: "yes" })).rejects.toThrow(/answer_schema/);
  await api("POST", `/tasks/${taskId}/answer`, { answer: true });
  expect(await reach(taskId, "completed")).toMatchObject({ output: "paid", attempt: 1, answers: [{ answer: true }] });
  expect((await api<readonly AttentionItem[]>("GET", "/attention")).map((one) => one.taskId)).not.toContain(taskId);
});

test("a question outlives leases and its agent, whose next try finds the answer", async () => {
  const ask: TaskHandler = async (task, ctx) => [task.attempt, await ctx.ask("name?")];
  const first = await connect("restarted", ask);
  const taskId = await submit("restarted");
  await question(taskId);
  // gone without giving anything back: replaced by one that knows nothing of the task
  await using second = await connectIdle("restarted");
  await first.close();
  await using _patient = await connect("patient", (_, ctx) =>
    ctx.ask("anybody?", { timeoutMs: 2 * leaseMs, onTimeout: "default", default: "nobody" }),
  );
  expect(await reach(await submit("patient"), "completed")).toMatchObject({ output: "nobody", attempt: 1 });
  expect(await read(taskId)).toMatchObject({ state: "waiting", attempt: 1 });
  await api("POST", `/tasks/${taskId}/answer`, { answer: "Ada" });
  second.handle({ restarted: ask }).catch(() => undefined);
  expect(await reach(taskId, "completed")).toMatchObject({ output: [2, "Ada"], answers: [{ answer: "Ada" }] });
  const types = await typesOf(taskId);
  expect(types.filter((type) => type === "task.waiting")).toHaveLength(1);
  expect(types.slice(types.indexOf("task.waiting"))).toEqual(
    expect.arrayContaining(["task.answered", "task.lease_expired", "task.queued", "task.completed"]),
  );
});

test.each<["fail" | "default" | "requeue", Task["state"], unknown]>([
  ["fail", "failed", undefined],
  ["default", "completed", [1, "nobody"]],
  ["requeue", "completed", [2, "found"]],
])("the sweep ends a question that nobody answers: %s", async (onTimeout, state, output) => {
  await using _agent = await connect(`late-${onTimeout}`, async (task, ctx) => {
    if (task.attempt === 2) return [2, "found"];
    return [task.attempt, await ctx.ask("anybody?", { timeoutMs: 100, onTimeout, default: "nobody" })];
  });
  const task = await reach(await submit(`late-${onTimeout}`), state);
  expect(task.output).toEqual(output);
  if (state === "failed") expect(task.error).toMatchObject({ class: "input_timeout" });
});

test("a cancel ends the waiting, and aborts the handler", async () => {
  const aborted = Promise.withResolvers<unknown>();
  await using _agent = await connect("cancelled", async (_, ctx) => {
    ctx.signal.addEventListener("abort", () => aborted.resolve(ctx.signal.reason));
    await ctx.ask("go on?");
  });
  const taskId = await submit("cancelled");
  await question(taskId);
  await api("POST", `/tasks/${taskId}/cancel`, {});
  expect(await aborted.promise).toMatchObject({ code: "cancelled" });
  await expect(api("POST", `/tasks/${taskId}/answer`, { answer: 1 })).rejects.toThrow(/failed_precondition/);
});
