import { expect, onTestFinished, test } from "vitest";
import { type AgentEvent, connectAgent, type MeshAgent, type TaskHandler } from "../src/index.ts";
import { FakeClock } from "./_fake-clock.ts";
import { type Peer, ScriptedServer } from "./_scripted-server.ts";

interface Bench {
  readonly clock: FakeClock;
  readonly peer: Peer;
  /** The next connection after this one was cut, and so much later than need be. */
  readonly reconnect: (awayMs: number) => Promise<Peer>;
  readonly dropped: Extract<AgentEvent, { type: "dropped" }>[];
}

/** An agent of one slot whose handler has just begun with the task of seq 1. */
async function openBench(handler: TaskHandler): Promise<Bench> {
  const server = await ScriptedServer.start();
  onTestFinished(() => server[Symbol.asyncDispose]());
  const clock = new FakeClock();
  const dropped: Bench["dropped"] = [];
  let retryInMs: number | undefined;
  const onEvent = (event: AgentEvent): void => {
    if (event.type === "dropped") dropped.push(event);
    if (event.type === "disconnected") retryInMs = event.retryInMs;
  };
  const options = { url: server.url, apiKey: "k", name: "lead", capabilities: [{ name: "echo" }], clock, onEvent };
  const [agent, peer] = await Promise.all([
    connectAgent({ ...options, maxConcurrency: 1, random: () => 0.5, graceMs: 0 }),
    server.acceptAgent(),
  ]);
  onTestFinished(() => close(agent, clock));
  void agent.handle({ echo: handler });
  peer.assign(1);
  await peer.accepted();
  const reconnect = async (awayMs: number): Promise<Peer> => {
    await expect.poll(() => retryInMs).toBeDefined();
    clock.advance((retryInMs ?? 0) + awayMs);
    return server.acceptAgent();
  };
  return { clock, peer, reconnect, dropped };
}

/** What handlers still do is not waited for: the clock runs on. */
async function close(agent: MeshAgent, clock: FakeClock): Promise<void> {
  const closing = agent.close().then(() => true);
  const turn = (): Promise<false> => new Promise((resolve) => setImmediate(resolve, false));
  while (!(await Promise.race([closing, turn()]))) clock.advance(1_000);
}

interface Child {
  readonly id: string;
  readonly type?: string;
}

/** Answers the next TASK_SUBMIT with a child of this id. */
async function taken(peer: Peer, { id, type = "work" }: Child): Promise<Awaited<ReturnType<typeof nextSubmit>>> {
  const request = await nextSubmit(peer);
  peer.send("TASK_STATUS", { re: request.id, task: { id, type, state: "queued" } as never });
  return request;
}

function nextSubmit(peer: Peer) {
  return peer.next("TASK_SUBMIT");
}

function tell(peer: Peer, seq: number, children: readonly object[]): void {
  peer.send("MESSAGE", {
    seq,
    messageId: `m${seq}`,
    from: { id: "00000000-0000-0000-0000-000000000000", name: "devmesh" },
    kind: "task.children",
    correlationId: "a1",
    content: { taskId: "t1", assignmentId: "a1", children } as never,
    sentAt: "2026-01-01T00:00:00.000Z",
  });
}

const done = (taskId: string, output: unknown = taskId) => ({ taskId, type: "work", state: "completed", output });
/** Only the first task delegates. */
const delegateTwo: TaskHandler = (task, ctx) =>
  task.id === "t1" ? ctx.delegate([{ type: "work" }, { type: "work" }], { idempotencyKey: "k" }) : "second";

test("submits all, yields with the last, and gives the results in order", async () => {
  const { peer } = await openBench(delegateTwo);
  const first = await taken(peer, { id: "c1" });
  expect(first).toMatchObject({ parentAssignmentId: "a1", idempotencyKey: "k/0", task: { type: "work" } });
  expect(first).not.toHaveProperty("yieldSlot", true);
  expect(await taken(peer, { id: "c2" })).toMatchObject({ yieldSlot: true, idempotencyKey: "k/1" });
  const failed = { taskId: "c2", type: "work", state: "failed", error: { class: "permanent", message: "no" } };
  tell(peer, 2, [failed, done("c1", null)]);
  expect((await peer.next("TASK_COMPLETE")).output).toEqual([done("c1", null), failed]);
});

test("takes another task while the slot is yielded, and none more when it has its slot again", async () => {
  const { peer } = await openBench(async (task, ctx) => {
    if (task.id === "t1") return ctx.delegate([{ type: "work" }]);
    // never ends by itself
    return new Promise((resolve) => ctx.signal.addEventListener("abort", resolve));
  });
  peer.assign(2);
  await peer.settle();
  expect(peer.count("TASK_ACCEPT")).toBe(0);
  await taken(peer, { id: "c1" });
  expect(await peer.accepted()).toMatchObject({ assignmentId: "a2" });
  peer.send("TASK_CANCEL", { seq: 3, assignmentId: "a2", fence: 1, reason: "test" });
  tell(peer, 4, [done("c1")]);
  peer.assign(5);
  expect((await peer.next("TASK_COMPLETE")).assignmentId).toBe("a1");
  expect(await peer.accepted()).toMatchObject({ assignmentId: "a5" });
});

test("keeps a task whose lease stands still, over a reconnect far longer than the lease", async () => {
  const { peer, reconnect, dropped } = await openBench(delegateTwo);
  await taken(peer, { id: "c1" });
  await taken(peer, { id: "c2" });
  await peer.settle();
  peer.socket.terminate();
  const next = await reconnect(600_000);
  expect(next.hello?.holding).toEqual(["a1"]);
  tell(next, 2, [done("c1"), done("c2")]);
  expect((await next.next("TASK_COMPLETE")).output).toEqual([done("c1"), done("c2")]);
  expect(dropped).toEqual([]);
});

test("sends a lost submission again with the same key", async () => {
  const { peer, reconnect } = await openBench((_, ctx) => ctx.delegate([{ type: "work" }]));
  const lost = await nextSubmit(peer);
  peer.socket.terminate();
  const next = await reconnect(0);
  const again = await taken(next, { id: "c1" });
  expect(again).toEqual(lost);
  tell(next, 2, [done("c1")]);
  expect((await next.next("TASK_COMPLETE")).output).toEqual([done("c1")]);
});

test("hears of children before their submission is answered", async () => {
  const { peer } = await openBench((_, ctx) => ctx.delegate([{ type: "work" }]));
  const request = await nextSubmit(peer);
  tell(peer, 2, [done("c1")]);
  peer.send("TASK_STATUS", { re: request.id, task: { id: "c1", type: "work", state: "queued" } as never });
  expect((await peer.next("TASK_COMPLETE")).output).toEqual([done("c1")]);
});

test("waits for the children of a second round, whatever it hears of the first again", async () => {
  const { peer } = await openBench(async (_, ctx) => {
    const first = await ctx.delegate([{ type: "work" }]);
    const second = await ctx.delegate([{ type: "work" }]);
    return [...first, ...second].map(({ output }) => output);
  });
  await taken(peer, { id: "c1" });
  tell(peer, 2, [done("c1", 1)]);
  await taken(peer, { id: "c2" });
  tell(peer, 3, [done("c1", 1)]);
  await peer.settle();
  expect(peer.count("TASK_COMPLETE")).toBe(0);
  tell(peer, 4, [done("c1", 1), done("c2", 2)]);
  expect((await peer.next("TASK_COMPLETE")).output).toEqual([1, 2]);
});

test("reads an output that was too large to be told along", async () => {
  const { peer } = await openBench((_, ctx) => ctx.delegate([{ type: "work" }]));
  await taken(peer, { id: "c1" });
  tell(peer, 2, [{ taskId: "c1", type: "work", state: "completed" }]);
  const get = await peer.next("TASK_GET");
  expect(get.taskId).toBe("c1");
  const task = { id: "c1", type: "work", state: "completed", output: "large" };
  peer.send("TASK_STATUS", { re: get.id, task: task as never });
  expect((await peer.next("TASK_COMPLETE")).output).toEqual([done("c1", "large")]);
});

test("ends the waiting with the task", async () => {
  const ends: unknown[] = [];
  const { peer, dropped } = await openBench(async (_, ctx) => {
    await ctx.delegate([{ type: "work" }]).catch((error) => ends.push(error.reason));
  });
  await taken(peer, { id: "c1" });
  await peer.settle();
  peer.send("TASK_CANCEL", { seq: 2, assignmentId: "a1", fence: 1, reason: "parent_cancelled" });
  await expect.poll(() => ends).toEqual(["parent_cancelled"]);
  expect(dropped).toMatchObject([{ taskId: "t1", error: { code: "cancelled" } }]);
  await peer.settle();
  expect(peer.count("TASK_COMPLETE") + peer.count("TASK_FAIL")).toBe(0);
});

test("tells a handler what was refused, and goes on", async () => {
  const { peer, dropped } = await openBench(async (_, ctx) => {
    const refusals: unknown[] = [];
    await ctx.waitForChildren().then((none) => refusals.push(none));
    await ctx.submit({ type: "work" }, { yieldSlot: true }).catch((error) => refusals.push(error.reason));
    await ctx.submit({ type: "work" });
    await ctx.waitForChildren().catch((error) => refusals.push(error.code));
    return refusals;
  });
  const refused = await nextSubmit(peer);
  peer.send("ERROR", { re: refused.id, code: "failed_precondition", reason: "depth_limit", message: "too deep" });
  await taken(peer, { id: "c1" });
  expect((await peer.next("TASK_COMPLETE")).output).toEqual([[], "depth_limit", "failed_precondition"]);
  expect(dropped).toEqual([]);
});

test("drops a task of which the mesh takes no child any more", async () => {
  const { peer, dropped } = await openBench((_, ctx) => ctx.submit({ type: "work" }));
  const { id } = await nextSubmit(peer);
  peer.send("ERROR", { re: id, code: "conflict", reason: "stale_assignment", message: "it ended" });
  await expect.poll(() => dropped).toMatchObject([{ taskId: "t1", error: { reason: "stale_assignment" } }]);
});
