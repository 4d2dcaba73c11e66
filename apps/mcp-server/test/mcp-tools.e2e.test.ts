import { randomUUID } from "node:crypto";
import type { AgentId, ApiKeyId, TenantId } from "@devmesh/models";
import { agentRepository, keyRepository, sql } from "@devmesh/repositories";
import { checkLeaks } from "@devmesh/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { connectMcp, type McpClient, type Output } from "./_mcp.ts";
import { type Mesh, type Node, openMesh } from "./_mesh.ts";
import { registered } from "./_socket.ts";

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

const register = (name: string, more: object = {}): Promise<Output> =>
  mcp.call("agent_register", { name, capabilities: [{ name }], ...more });
const create = async (type: string, more: object = {}): Promise<string> =>
  (await mcp.call("task_create", { type, ...more })).task.id;

interface About {
  readonly agent: string;
  readonly assignmentId: string;
  readonly fence: number;
}

/** An agent of that name that holds a task of that type. */
async function holding(name: string, more: object = {}): Promise<{ readonly taskId: string; readonly about: About }> {
  await register(name);
  const taskId = await create(name, more);
  const { assignments } = await mcp.call("task_claim", { agent: name });
  const { assignmentId, fence } = assignments[0];
  return { taskId, about: { agent: name, assignmentId, fence } };
}

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
  const told = { ...about, percent: 50, note: "half", log: [{ line: "read a.ts" }] };
  expect(await mcp.call("task_progress", told)).toMatchObject({
    taskId: task.id,
    taskState: "running",
    duplicate: false,
  });
  expect(await mcp.call("agent_heartbeat", { agent: agent.id, load: { cpu: 0.5 } })).toMatchObject({
    holding: [{ assignmentId: about.assignmentId, fence: 1, taskId: task.id, state: "running" }],
    mail: 0,
  });
  const done = { ...about, output: { findings: [] }, usage: { inputTokens: 3 } };
  expect(await mcp.call("task_complete", done)).toMatchObject({ taskState: "completed", duplicate: false });
  expect(await mcp.call("task_complete", done)).toMatchObject({ taskState: "completed", duplicate: true });
  const whole = await mcp.call("task_get", { taskId: task.id, events: { limit: 5 } });
  expect(whole.task).toMatchObject({
    state: "completed",
    output: { findings: [] },
    usage: { inputTokens: 3 },
    assignedAgent: { name: "reviewer" },
  });
  const rest = await mcp.call("task_get", { taskId: task.id, events: { afterSeq: whole.nextAfterSeq } });
  const events = [...whole.events, ...rest.events];
  expect(events.map(({ type }: Output) => type.replace("task.", ""))).toEqual([
    "created",
    "queued",
    "assigned",
    "accepted",
    "progress",
    "completed",
  ]);
  expect(events[4].data.log).toMatchObject([{ level: "info", line: "read a.ts" }]);
  expect(rest).not.toHaveProperty("nextAfterSeq");
});

describe("a claim", () => {
  test("that waits gets a task that comes by another door", async () => {
    await register("waiter");
    const before = performance.now();
    const claim = mcp.call("task_claim", { agent: "waiter", waitMs: 20_000 });
    const principalId = randomUUID() as ApiKeyId;
    const { task } = await mesh.engine.submit({ tenantId: mesh.tenantId, principalId }, { type: "waiter" });
    expect((await claim).assignments).toMatchObject([{ task: { id: task.id } }]);
    expect(performance.now() - before).toBeLessThan(10_000);
  });

  test("with a key gives again what it gave, and no more", async () => {
    await register("keyed", { maxConcurrency: 5 });
    const ids = [await create("keyed"), await create("keyed")];
    const first = await mcp.call("task_claim", { agent: "keyed", idempotencyKey: "k" });
    const again = await mcp.call("task_claim", { agent: "keyed", idempotencyKey: "k" });
    expect(again.assignments.map((one: Output) => one.assignmentId)).toEqual([first.assignments[0].assignmentId]);
    expect(ids).toContain(first.assignments[0].task.id);
  });

  test("of two agents at once gives each task to one of them", async () => {
    await register("racer-a", { capabilities: [{ name: "race" }], maxConcurrency: 20 });
    await register("racer-b", { capabilities: [{ name: "race" }], maxConcurrency: 20 });
    const ids = await Promise.all(Array.from({ length: 12 }, () => create("race")));
    const claims = ["racer-a", "racer-b", "racer-a", "racer-b"].map((agent) =>
      mcp.call("task_claim", { agent, max: 10, waitMs: 100 }),
    );
    const given = (await Promise.all(claims)).flatMap(({ assignments }) =>
      assignments.map((one: Output) => one.task.id),
    );
    expect(given.toSorted()).toEqual(ids.toSorted());
  });

  test("brings the outputs of dependencies", async () => {
    const { taskId, about } = await holding("first");
    await mcp.call("task_complete", { ...about, output: [1, null] });
    await register("second");
    await create("second", { dependsOn: [taskId] });
    const { assignments } = await mcp.call("task_claim", { agent: "second" });
    expect(assignments).toMatchObject([{ dependencies: [{ id: taskId, output: [1, null] }] }]);
  });

  test("says what is too large to go along", async () => {
    await register("large", { maxConcurrency: 5 });
    const input = "x".repeat(1_000_000);
    for (let n = 0; n < 5; n++) await create("large", { input });
    const { assignments } = await mcp.call("task_claim", { agent: "large", max: 5 });
    expect(assignments.map(({ isCut }: Output) => isCut)).toEqual([undefined, undefined, undefined, undefined, true]);
    const { task } = await mcp.call("task_get", { taskId: assignments[4].task.id });
    expect(task.input).toBe(input);
  });

  test("is refused to an agent that drains, or has no slot", async () => {
    await holding("single");
    expect(await mcp.refused("task_claim", { agent: "single" })).toMatchObject({
      code: "resource_exhausted",
      reason: "busy",
    });
    await register("drainer");
    expect(await mcp.call("agent_update", { agent: "drainer", availability: "draining" })).toMatchObject({
      agent: { availability: "draining" },
    });
    expect(await mcp.refused("task_claim", { agent: "drainer" })).toMatchObject({ reason: "draining" });
  });

  test.each(["modern", "legacy"] as const)("that its client cancels takes nothing: %s", async (era) => {
    await using own = await connectMcp({ port: node.port, key: mesh.key, era });
    await register("canceller");
    const cancelling = new AbortController();
    const claim = own.call("task_claim", { agent: "canceller", waitMs: 20_000 }, { signal: cancelling.signal });
    const refused = expect(claim).rejects.toThrow();
    // what was sent before has come in when this is answered: the claim, and then that it is called off
    await own.call("agent_list");
    cancelling.abort();
    await refused;
    await own.call("agent_list");
    const taskId = await create("canceller");
    const { assignments } = await mcp.call("task_claim", { agent: "canceller" });
    expect(assignments).toMatchObject([{ task: { id: taskId } }]);
    const { assignmentId, fence } = assignments[0];
    await mcp.call("task_complete", { agent: "canceller", assignmentId, fence, output: null });
  });
});

describe("a task", () => {
  test("whose attempt failed goes back, one that is given back goes to another agent, uncounted", async () => {
    const { taskId, about } = await holding("giver");
    expect(await mcp.call("task_release", { ...about, reason: "not mine" })).toMatchObject({ taskState: "queued" });
    expect(await mcp.call("task_release", { ...about, reason: "not mine" })).toMatchObject({ duplicate: true });
    expect((await mcp.call("task_claim", { agent: "giver" })).assignments).toEqual([]);
    await register("taker", { capabilities: [{ name: "giver" }] });
    const { assignments } = await mcp.call("task_claim", { agent: "taker" });
    expect(assignments).toMatchObject([{ fence: 2, task: { id: taskId } }]);
    const failed = { agent: "taker", assignmentId: assignments[0].assignmentId, fence: 2, message: "broken" };
    expect(await mcp.call("task_fail", { ...failed, class: "permanent" })).toMatchObject({ taskState: "failed" });
    const { task } = await mcp.call("task_get", { taskId });
    expect(task).toMatchObject({ state: "failed", error: { class: "permanent", message: "broken" } });
  });

  test("is extended by its agent, for as long as it says", async () => {
    const { about } = await holding("extender");
    const { leaseUntil } = await mcp.call("task_progress", { ...about, leaseMs: 3_600_000 });
    expect(Date.parse(leaseUntil) - Date.now()).toBeGreaterThan(3_500_000);
  });

  test("whose lease ended goes to another agent, with the next fence, and the first can say no more", async () => {
    const { taskId, about } = await holding("silent");
    await register("next", { capabilities: [{ name: "silent" }] });
    const past = sql`
      update assignment set lease_until = now() - interval '1 second', check_at = now() - interval '1 second'
      where task_id = ${taskId} and is_open`;
    await mesh.database.transaction({ role: "devmesh_engine" }, (tx) => tx.query(past));
    const claim = mcp.call("task_claim", { agent: "next", waitMs: 20_000 });
    await mesh.engine.sweep();
    expect((await claim).assignments).toMatchObject([{ fence: 2, task: { id: taskId, attempt: 2 } }]);
    expect(await mcp.refused("task_complete", { ...about, output: 1 })).toMatchObject({ reason: "stale_assignment" });
    expect(await mcp.call("inbox_fetch", { agent: "silent" })).toMatchObject({
      items: [{ kind: "task_cancelled", assignmentId: about.assignmentId }],
    });
  });

  test("that is cancelled is lost to its agent, which hears of it", async () => {
    const { taskId, about } = await holding("loser");
    expect(await mcp.call("task_cancel", { taskId, reason: "no need" })).toMatchObject({
      task: { state: "cancelled" },
    });
    expect(await mcp.refused("task_complete", { ...about, output: 1 })).toMatchObject({
      code: "conflict",
      reason: "stale_assignment",
    });
    expect(await mcp.call("inbox_fetch", { agent: "loser", waitMs: 20_000 })).toMatchObject({
      items: [{ kind: "task_cancelled", assignmentId: about.assignmentId, fence: 1, reason: "no need" }],
      hasMore: false,
    });
  });

  test("is one on every door where the key is the same, and refused where the body is another", async () => {
    const key = await mesh.createKey();
    await using own = await connectMcp({ port: node.port, key: key.text });
    const body = { type: "once", input: { n: 1 }, labels: ["a"] };
    const { task } = await own.call("task_create", { ...body, idempotencyKey: "same" });
    const context = { tenantId: mesh.tenantId, principalId: key.id, idempotencyKey: "same" };
    expect(await mesh.engine.submit(context, body)).toMatchObject({ isReplay: true, task: { id: task.id } });
    expect(await own.call("task_create", { ...body, idempotencyKey: "same" })).toMatchObject({
      isReplay: true,
      task: { id: task.id },
    });
    expect(await own.refused("task_create", { type: "twice", idempotencyKey: "same" })).toMatchObject({
      code: "conflict",
      reason: "idempotency_key_reused",
    });
  });

  test("is delegated from an assignment, and its parent goes on with the result", async () => {
    const { taskId, about } = await holding("lead");
    await register("helper");
    const delegated = { type: "helper", parentAssignmentId: about.assignmentId, agent: "lead", yieldSlot: true };
    const { task } = await mcp.call("task_create", delegated);
    expect(task).toMatchObject({ parentId: taskId });
    const { assignments } = await mcp.call("task_claim", { agent: "helper" });
    const { assignmentId, fence } = assignments[0];
    await mcp.call("task_complete", { agent: "helper", assignmentId, fence, output: "help" });
    const { items } = await mcp.call("inbox_fetch", { agent: "lead", waitMs: 20_000 });
    expect(items).toMatchObject([
      { kind: "task_resumed", taskId, assignmentId: about.assignmentId, content: { children: [{ output: "help" }] } },
    ]);
    expect((await mcp.call("task_list", { parent: taskId })).tasks).toMatchObject([{ id: task.id }]);
    expect(await mcp.call("task_complete", { ...about, output: 1 })).toMatchObject({ taskState: "completed" });
  });

  test("takes no output that misses its schema", async () => {
    const { about } = await holding("schematic", { outputSchema: { type: "object", required: ["a"] } });
    expect(await mcp.refused("task_complete", { ...about, output: {} })).toMatchObject({
      code: "invalid_argument",
      reason: "output_schema",
    });
    expect(await mcp.call("task_complete", { ...about, output: { a: 1 } })).toMatchObject({ taskState: "completed" });
  });
});

describe("lists", () => {
  test("give tasks page by page, and say why a queued one waits", async () => {
    const ids = [await create("paged"), await create("paged"), await create("paged")];
    const one = await mcp.call("task_list", { type: "paged", limit: 2 });
    const two = await mcp.call("task_list", { type: "paged", limit: 2, cursor: one.nextCursor });
    expect([...one.tasks, ...two.tasks].map(({ id }: Output) => id)).toEqual(ids.toReversed());
    expect(two).not.toHaveProperty("nextCursor");
    expect(one.tasks[0].unassignedBecause).toMatchObject({ reason: "capability" });
    expect((await mcp.call("task_list", { type: "paged", state: "completed" })).tasks).toEqual([]);
  });

  test("give agents page by page, by what they can do", async () => {
    for (const name of ["lister-1", "lister-2"])
      await register(name, { capabilities: [{ name: "listing", level: 3 }] });
    const one = await mcp.call("agent_list", { capabilities: ["listing"], limit: 1 });
    const two = await mcp.call("agent_list", { capabilities: ["listing"], limit: 1, cursor: one.nextCursor });
    expect([...one.agents, ...two.agents]).toMatchObject([{ name: "lister-2" }, { name: "lister-1" }]);
    expect(two).not.toHaveProperty("nextCursor");
  });
});

describe("agents", () => {
  test("that have a socket do not pull, and deregistering closes it", async () => {
    const socket = await registered({ port: node.port, key: mesh.key, name: "socketed" });
    expect(await mcp.refused("agent_register", { name: "socketed", capabilities: [] })).toMatchObject({
      code: "conflict",
      reason: "connected",
    });
    expect(await mcp.refused("agent_heartbeat", { agent: "socketed" })).toMatchObject({ reason: "not_pull" });
    expect(await mcp.refused("task_claim", { agent: "socketed" })).toMatchObject({ reason: "not_pull" });
    expect(await mcp.call("agent_deregister", { agent: "socketed" })).toMatchObject({ agent: { name: "socketed" } });
    expect(await socket.closed).toMatchObject({ code: 1000 });
    expect(await mcp.refused("agent_deregister", { agent: "socketed" })).toMatchObject({ code: "not_found" });
  });

  test("give back what they hold when they are deregistered", async () => {
    const { taskId } = await holding("leaver");
    await mcp.call("agent_deregister", { agent: "leaver" });
    expect((await mcp.call("task_get", { taskId })).task).toMatchObject({ state: "queued" });
  });

  test("that were revoked act no more", async () => {
    const { agent } = await register("revoked");
    await agentRepository(mesh.database).setAdmin(mesh.tenantId, agent.id as AgentId, "revoked");
    for (const tool of ["agent_heartbeat", "task_claim", "inbox_fetch"]) {
      expect(await mcp.refused(tool, { agent: "revoked" })).toMatchObject({
        code: "permission_denied",
        reason: "agent_revoked",
      });
    }
  });

  test("are present again when they act, if they had been silent too long", async () => {
    const { agent } = await register("sleeper");
    const past = sql`update agent_slot set present_until = now() - interval '1 minute' where agent_id = ${agent.id}`;
    await mesh.database.transaction({ role: "devmesh_engine" }, (tx) => tx.query(past));
    expect(await mcp.call("agent_list", { capabilities: ["sleeper"] })).toMatchObject({
      agents: [{ connection: "disconnected" }],
    });
    // another node has not heard of it
    const other = await mesh.startNode();
    await using there = await connectMcp({ port: other.port, key: mesh.key });
    await there.call("inbox_fetch", { agent: "sleeper" });
    expect(await mcp.call("agent_list", { capabilities: ["sleeper"] })).toMatchObject({
      agents: [{ connection: "connected" }],
    });
  });
});

describe("a credential", () => {
  test("that is bound to an agent is that one, and no other", async () => {
    await register("stranger");
    const { text } = await mesh.createKey({ agentName: "bound" });
    await using own = await connectMcp({ port: node.port, key: text });
    expect(await own.refused("agent_register", { name: "other", capabilities: [] })).toMatchObject({
      code: "permission_denied",
    });
    const { agent } = await own.call("agent_register", { name: "bound", capabilities: [] });
    expect(await own.call("agent_heartbeat")).toMatchObject({ agent: { id: agent.id } });
    expect(await own.call("task_claim", { agent: agent.id })).toEqual({ assignments: [] });
    for (const tool of ["agent_heartbeat", "agent_update", "agent_deregister", "task_claim", "inbox_fetch"]) {
      expect(await own.refused(tool, { agent: "stranger" })).toMatchObject({ code: "permission_denied" });
    }
  });

  test("that is bound to none has to name one", async () => {
    expect(await mcp.refused("task_claim")).toMatchObject({ code: "invalid_argument", details: [{ path: "agent" }] });
    expect(await mcp.refused("task_claim", { agent: "nobody" })).toMatchObject({ code: "not_found" });
  });

  test("without the scope of a tool is told which one it lacks", async () => {
    const { text } = await mesh.createKey({ scopes: ["tasks:read"] });
    await using own = await connectMcp({ port: node.port, key: text });
    await expect(own.call("agent_list")).rejects.toThrow(/scope/i);
    await expect(own.call("task_create", { type: "x" })).rejects.toThrow(/scope/i);
    expect(await own.call("task_list", { type: "nothing" })).toEqual({ tasks: [] });
    const writer = await mesh.createKey({ scopes: ["tasks:write"] });
    await using submitter = await connectMcp({ port: node.port, key: writer.text });
    const delegated = { type: "x", parentAssignmentId: randomUUID(), agent: "x" };
    expect(await submitter.refused("task_create", delegated)).toMatchObject({ reason: "missing_scope" });
  });

  test("of another tenant finds nothing of this one", async () => {
    const { taskId, about } = await holding("ours");
    const { agent } = await mcp.call("agent_heartbeat", { agent: "ours" });
    const tenantId = randomUUID() as TenantId;
    await keyRepository(mesh.database).createTenant({ id: tenantId, name: tenantId });
    const { text } = await mesh.createKey({ tenantId });
    await using foreign = await connectMcp({ port: node.port, key: text });
    await foreign.call("agent_register", { name: "theirs", capabilities: [{ name: "ours" }] });
    const own = { ...about, agent: "theirs" };
    const calls: readonly [string, object][] = [
      ["task_get", { taskId }],
      ["task_cancel", { taskId }],
      ["task_claim", { agent: agent.id }],
      ["inbox_fetch", { agent: agent.id }],
      ["message_ack", { agent: agent.id, seq: 1 }],
      ["agent_deregister", { agent: "ours" }],
      ["task_progress", own],
      ["task_complete", { ...own, output: 1 }],
      ["task_fail", { ...own, class: "permanent", message: "x" }],
      ["task_release", { ...own, reason: "x" }],
      ["task_create", { type: "x", parentAssignmentId: about.assignmentId, agent: "theirs" }],
      ["approval_request", { ...own, question: "may I?" }],
    ];
    for (const [tool, args] of calls)
      expect([tool, await foreign.refused(tool, args)]).toMatchObject([tool, { code: "not_found" }]);
    expect((await foreign.call("agent_list")).agents).toMatchObject([{ name: "theirs" }]);
    expect((await foreign.call("task_list")).tasks).toEqual([]);
    expect((await foreign.call("task_claim", { agent: "theirs" })).assignments).toEqual([]);
    expect((await mcp.call("task_get", { taskId })).task.state).toBe("running");
  });
});

test("a wait that seconds were meant for is told apart from one that brought nothing", async () => {
  await register("hasty");
  expect(await mcp.call("task_claim", { agent: "hasty", waitMs: 25 })).toEqual({
    assignments: [],
    hint: "waited 25 ms: waitMs is in milliseconds, at most 25000",
  });
  expect(await mcp.call("task_claim", { agent: "hasty" })).toEqual({ assignments: [] });
  expect(await mcp.call("inbox_fetch", { agent: "hasty", waitMs: 25 })).toMatchObject({
    items: [],
    hint: expect.stringContaining("ms"),
  });
});

test("a cursor belongs to the list that gave it", async () => {
  await register("listed");
  await register("listed.too");
  const { nextCursor } = await mcp.call("agent_list", { limit: 1 });
  expect((await mcp.call("agent_list", { limit: 1, cursor: nextCursor })).agents).toHaveLength(1);
  expect(await mcp.refused("task_list", { cursor: nextCursor })).toMatchObject({
    code: "invalid_argument",
    details: [{ path: "cursor", message: "is none that a page of tasks gave: leave it out to begin anew" }],
  });
});

describe("what is wrong is named", () => {
  const about = { agent: "a", assignmentId: randomUUID(), fence: 1 };
  test.each<[string, string, object]>([
    ["agent_register", "name", { name: "no spaces", capabilities: [] }],
    ["agent_register", "name", { capabilities: [] }],
    ["agent_register", "capabilities[0].level", { name: "a", capabilities: [{ name: "x", level: 101 }] }],
    ["agent_register", "maxConcurrency", { name: "a", capabilities: [], maxConcurrency: 1_001 }],
    ["agent_register", "kind", { name: "a", capabilities: [], kind: "boss" }],
    ["agent_register", "metadata", { name: "a", capabilities: [], metadata: { x: "y".repeat(65_536) } }],
    ["agent_register", "idempotencyKey", { name: "a", capabilities: [], idempotencyKey: "x".repeat(256) }],
    ["agent_heartbeat", "load.cpu", { agent: "a", load: { cpu: -1 } }],
    ["agent_update", "availability", { agent: "a", availability: "asleep" }],
    ["agent_list", "limit", { limit: 101 }],
    ["agent_list", "limit", { limit: 0 }],
    ["agent_list", "cursor", { cursor: "none" }],
    ["task_create", "type", {}],
    ["task_create", "priority", { type: "x", priority: 10 }],
    ["task_create", "payload", { type: "x", payload: 1 }],
    ["task_create", "requirements.capability", { type: "x", requirements: { capability: "y" } }],
    ["task_create", "title", { type: "x", title: "t".repeat(201) }],
    ["task_create", "deadline", { type: "x", deadline: "tomorrow" }],
    ["task_create", "timeoutMs", { type: "x", timeoutMs: 999 }],
    ["task_create", "requirements.minLevel", { type: "x", requirements: { minLevel: 101 } }],
    ["task_create", "yieldSlot", { type: "x", yieldSlot: true }],
    ["task_create", "agent", { type: "x", agent: "a" }],
    ["task_list", "state", { state: "done" }],
    ["task_list", "parent", { parent: "x" }],
    ["task_get", "taskId", { taskId: "" }],
    ["task_get", "events.limit", { taskId: randomUUID(), events: { limit: 201 } }],
    ["task_claim", "max", { agent: "a", max: 21 }],
    ["task_claim", "leaseMs", { agent: "a", leaseMs: 999 }],
    ["task_claim", "leaseMs", { agent: "a", leaseMs: 3_600_001 }],
    ["task_claim", "waitMs", { agent: "a", waitMs: 25_001 }],
    ["task_progress", "percent", { ...about, percent: 101 }],
    ["task_progress", "fence", { ...about, fence: -1 }],
    ["task_progress", "note", { ...about, note: "n".repeat(4_097) }],
    ["task_progress", "log[0].line", { ...about, log: [{ line: "ß".repeat(2_049) }] }],
    ["task_progress", "leaseMs", { ...about, leaseMs: 3_600_001 }],
    ["task_complete", "output", { ...about }],
    ["task_complete", "usage.inputTokens", { ...about, output: 1, usage: { inputTokens: -1 } }],
    ["task_complete", "usage.input_tokens", { ...about, output: 1, usage: { input_tokens: 1 } }],
    ["task_complete", "artifacts[0].name", { ...about, output: 1, artifacts: [{}] }],
    ["task_fail", "class", { ...about, class: "odd", message: "x" }],
    ["task_fail", "message", { ...about, class: "permanent", message: "m".repeat(16_385) }],
    ["task_release", "reason", { ...about, reason: "r".repeat(4_097) }],
    ["task_cancel", "reason", { taskId: randomUUID(), reason: "r".repeat(201) }],
    ["inbox_fetch", "waitMs", { agent: "a", waitMs: 25_001 }],
    ["inbox_fetch", "cursor", { agent: "a", cursor: -1 }],
    ["message_ack", "seq", { agent: "a" }],
    ["message_ack", "seq", { agent: "a", seq: 1.5 }],
    ["approval_request", "question", { question: "" }],
    ["approval_request", "question", { question: "q".repeat(16_385) }],
    ["approval_request", "assignmentId", { question: "q", fence: 1 }],
    ["approval_request", "fence", { question: "q", assignmentId: randomUUID() }],
  ])("%s: %s", async (tool, path, args) => {
    const error = await mcp.refused(tool, args);
    expect(error).toMatchObject({ code: "invalid_argument" });
    expect(error.details.map((problem: Output) => problem.path)).toContain(path);
  });

  test("a stale fence, an assignment of another agent, and an id that is none", async () => {
    const { about: held } = await holding("fenced");
    await register("thief");
    expect(await mcp.refused("task_progress", { ...held, fence: 7 })).toMatchObject({ reason: "stale_assignment" });
    expect(await mcp.refused("task_progress", { ...held, agent: "thief" })).toMatchObject({ code: "not_found" });
    expect(await mcp.refused("task_progress", { ...held, assignmentId: "x" })).toMatchObject({ code: "not_found" });
    expect(await mcp.refused("task_get", { taskId: "x" })).toMatchObject({ code: "not_found" });
  });
});
