import { expect, onTestFinished, test } from "vitest";
import { type AgentEvent, connectAgent, type MeshAgent, type TaskContext, type TaskHandler } from "../src/index.ts";
import { FakeClock } from "./_fake-clock.ts";
import { type Peer, ScriptedServer, toAssign } from "./_scripted-server.ts";

interface Bench {
  readonly clock: FakeClock;
  readonly peer: Peer;
  /** The next connection, after this one was cut. */
  readonly reconnect: () => Promise<Peer>;
  /** What the agent dropped, and why. */
  readonly dropped: Extract<AgentEvent, { type: "dropped" }>[];
}

/** An agent whose handler has just begun with the task of seq 1. */
async function openBench(handler: TaskHandler, task: object = {}): Promise<Bench> {
  const server = await ScriptedServer.start();
  onTestFinished(() => server[Symbol.asyncDispose]());
  const clock = new FakeClock();
  const dropped: Bench["dropped"] = [];
  let retryInMs: number | undefined;
  const onEvent = (event: AgentEvent): void => {
    if (event.type === "dropped") dropped.push(event);
    if (event.type === "disconnected") retryInMs = event.retryInMs;
  };
  const options = { url: server.url, apiKey: "k", name: "asker", capabilities: [{ name: "echo" }], clock, onEvent };
  const [agent, peer] = await Promise.all([
    connectAgent({ ...options, random: () => 0.5, graceMs: 0 }),
    server.acceptAgent(),
  ]);
  onTestFinished(() => close(agent, clock));
  void agent.handle({ echo: handler });
  peer.assign(1, { task: { ...(toAssign(1).task as object), ...task } as never });
  await peer.accepted();
  const reconnect = async (): Promise<Peer> => {
    await expect.poll(() => retryInMs).toBeDefined();
    // far longer than the lease
    clock.advance((retryInMs ?? 0) + 600_000);
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

function answer(peer: Peer, seq: number, given: unknown, more: object = {}): void {
  const from = { id: "00000000-0000-0000-0000-000000000000", name: "devmesh" };
  peer.send("MESSAGE", {
    seq,
    messageId: `q${seq}`,
    from,
    kind: "task.answer",
    correlationId: "a1",
    content: { taskId: "t1", assignmentId: "a1", answer: given },
    sentAt: "2026-01-01T00:00:00.000Z",
    ...more,
  });
}

const askOnce: TaskHandler = (_, ctx) => ctx.ask("go on?", { schema: { type: "boolean" }, timeoutMs: 5_000 });

test("asks, and works on with the answer", async () => {
  const { peer } = await openBench(askOnce);
  const asked = await peer.next("TASK_NEEDS_INPUT");
  expect(asked).toMatchObject({
    assignmentId: "a1",
    fence: 1,
    question: "go on?",
    schema: { type: "boolean" },
    timeoutMs: 5_000,
  });
  peer.recorded(asked, "waiting");
  answer(peer, 2, { __proto__: null, ok: true });
  expect((await peer.next("TASK_COMPLETE")).output).toEqual({ ok: true });
});

test("needs no lease while it waits, and renews a whole one after that", async () => {
  const { peer, clock, dropped } = await openBench(async (_, ctx) => {
    await ctx.ask("go on?");
    await new Promise((_resolve, reject) => ctx.signal.addEventListener("abort", () => reject(ctx.signal.reason)));
  });
  peer.recorded(await peer.next("TASK_NEEDS_INPUT"), "waiting");
  await peer.settle();
  for (let round = 0; round < 20; round += 1) {
    clock.advance(10_000);
    await peer.settle();
  }
  expect(peer.count("TASK_PROGRESS")).toBe(0);
  expect(dropped).toEqual([]);
  answer(peer, 2, null);
  await peer.settle();
  clock.advance(10_100);
  expect(await peer.next("TASK_PROGRESS")).toMatchObject({ assignmentId: "a1" });
  clock.advance(31_000);
  await expect.poll(() => dropped.map(({ error }) => error.reason)).toEqual(["lease_lost"]);
});

test("keeps its handler through a lost reply, however long the connection is away", async () => {
  const { peer, reconnect, dropped } = await openBench(askOnce);
  const asked = await peer.next("TASK_NEEDS_INPUT");
  peer.socket.terminate();
  await peer.closed;
  const again = await reconnect();
  expect(again.hello).toMatchObject({ holding: ["a1"] });
  expect(await again.next("TASK_NEEDS_INPUT")).toEqual(asked);
  answer(again, 2, "yes");
  again.recorded(asked, "running");
  expect(await again.next("TASK_COMPLETE")).toMatchObject({ output: "yes" });
  expect(dropped).toEqual([]);
});

test("takes the answers of earlier tries first, in their order, and asks what is new", async () => {
  const earlier = (questionId: string, question: string, given: unknown): object => ({
    questionId,
    question,
    answer: given,
  });
  const answers = [earlier("q7", "more?", 1), earlier("q8", "name?", "x"), earlier("q9", "more?", 0)];
  const { peer } = await openBench(
    async (_, ctx) => [await ctx.ask("more?"), await ctx.ask("more?"), await ctx.ask("name?"), await ctx.ask("more?")],
    { answers },
  );
  const asked = await peer.next("TASK_NEEDS_INPUT");
  expect(asked.question).toBe("more?");
  // of an earlier question, sent again: no answer to this one
  answer(peer, 2, 0, { messageId: "q9" });
  answer(peer, 3, 5);
  expect((await peer.next("TASK_COMPLETE")).output).toEqual([1, 0, "x", 5]);
});

test("asks one question at a time", async () => {
  const { peer } = await openBench((_, ctx) => Promise.all([ctx.ask("one?"), ctx.ask("two?")]));
  for (const [index, question] of ["one?", "two?"].entries()) {
    const asked = await peer.next("TASK_NEEDS_INPUT");
    expect(asked.question).toBe(question);
    peer.recorded(asked, "waiting");
    await peer.settle();
    expect(peer.count("TASK_NEEDS_INPUT")).toBe(0);
    answer(peer, index + 2, index);
  }
  expect((await peer.next("TASK_COMPLETE")).output).toEqual([0, 1]);
});

test("gives up with the task: cancelled, timed out, not this agent's any more", async () => {
  const reasons: unknown[] = [];
  const handler: TaskHandler = (_, ctx) => ctx.ask("go on?").catch((error: unknown) => void reasons.push(error));
  const { peer } = await openBench(handler);
  peer.recorded(await peer.next("TASK_NEEDS_INPUT"), "waiting");
  peer.send("TASK_CANCEL", { seq: 2, assignmentId: "a1", fence: 1, reason: "input_timeout" });
  await expect.poll(() => reasons).toMatchObject([{ code: "cancelled", reason: "input_timeout" }]);
  const stale = await openBench(handler);
  const asked = await stale.peer.next("TASK_NEEDS_INPUT");
  stale.peer.send("ERROR", { re: asked.id, code: "conflict", reason: "stale_assignment", message: "m" });
  await expect.poll(() => reasons).toMatchObject([{}, { code: "conflict" }]);
  expect(stale.dropped).toHaveLength(1);
  await stale.peer.settle();
  expect(stale.peer.count("TASK_FAIL") + stale.peer.count("TASK_COMPLETE")).toBe(0);
});

test("tells the handler of a question that can't be asked, and goes on", async () => {
  const { peer, clock } = await openBench((_, ctx) => ctx.ask("go on?").catch((error: Error) => error.message));
  const asked = await peer.next("TASK_NEEDS_INPUT");
  clock.advance(10_000);
  peer.send("ERROR", { re: asked.id, code: "invalid_argument", message: "schema: is none" });
  expect(await peer.next("TASK_COMPLETE")).toMatchObject({ output: "schema: is none" });
});

test("completes only after the answer to what it no longer waits for", async () => {
  const giveUp = new AbortController();
  const { peer } = await openBench((_, ctx: TaskContext) =>
    ctx.ask("go on?", { signal: giveUp.signal }).catch((reason: unknown) => reason),
  );
  peer.recorded(await peer.next("TASK_NEEDS_INPUT"), "waiting");
  giveUp.abort("no patience");
  await peer.settle();
  expect(peer.count("TASK_COMPLETE")).toBe(0);
  answer(peer, 2, true);
  expect(await peer.next("TASK_COMPLETE")).toMatchObject({ output: "no patience" });
});
