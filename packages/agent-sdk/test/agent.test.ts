import { encodeMessage } from "@devmesh/protocol";
import { expect, onTestFinished, test } from "vitest";
import {
  type AgentEvent,
  type ConnectOptions,
  completed,
  connectAgent,
  type MeshAgent,
  TaskFailure,
  type TaskHandlers,
} from "../src/index.ts";
import { FakeClock } from "./_fake-clock.ts";
import { type Peer, ScriptedServer, toAssign } from "./_scripted-server.ts";

interface Bench {
  readonly server: ScriptedServer;
  readonly clock: FakeClock;
  readonly options: ConnectOptions;
  /** The next event of this type. */
  readonly event: <Type extends AgentEvent["type"]>(type: Type) => Promise<Extract<AgentEvent, { type: Type }>>;
}

async function openBench(more: Partial<ConnectOptions> = {}): Promise<Bench> {
  const server = await ScriptedServer.start();
  onTestFinished(() => server[Symbol.asyncDispose]());
  const clock = new FakeClock();
  const events: AgentEvent[] = [];
  let changed: (() => void) | undefined;
  const options: ConnectOptions = {
    url: server.url,
    apiKey: "dm_agt_key",
    name: "echo-1",
    capabilities: [{ name: "echo" }],
    maxConcurrency: 4,
    clock,
    random: () => 0.5,
    onEvent: (event) => {
      events.push(event);
      changed?.();
    },
    ...more,
  };
  const event: Bench["event"] = async (type) => {
    for (;;) {
      const index = events.findIndex((candidate) => candidate.type === type);
      const [found] = index < 0 ? [] : events.splice(index, 1);
      if (found !== undefined) return found as never;
      await new Promise<void>((resolve) => {
        changed = resolve;
      });
    }
  };
  return { server, clock, options, event };
}

async function connect(bench: Bench): Promise<{ agent: MeshAgent; peer: Peer }> {
  const [agent, peer] = await Promise.all([connectAgent(bench.options), bench.server.acceptAgent()]);
  await bench.event("connected");
  return { agent, peer };
}

async function reconnect(bench: Bench, welcome: Parameters<ScriptedServer["acceptAgent"]>[0] = {}): Promise<Peer> {
  const { retryInMs } = await bench.event("disconnected");
  bench.clock.advance(retryInMs);
  const peer = await bench.server.acceptAgent(welcome);
  await bench.event("connected");
  return peer;
}

interface HeldHandlers {
  readonly handlers: TaskHandlers;
  /** The signal of the next handler that began. */
  readonly started: () => Promise<AbortSignal>;
  /** Lets the oldest handler return, or the next one as soon as it begins. */
  readonly finish: (output: unknown) => void;
}

/** Handlers that the test lets go. */
function holdHandlers(): HeldHandlers {
  const signals = createHandover<AbortSignal>();
  const outputs = createHandover<unknown>();
  const handlers: TaskHandlers = {
    echo: (_task, ctx) => {
      signals.give(ctx.signal);
      return outputs.take();
    },
  };
  return { handlers, started: signals.take, finish: outputs.give };
}

function createHandover<T>(): { readonly give: (value: T) => void; readonly take: () => Promise<T> } {
  const values: T[] = [];
  const takers: ((value: T) => void)[] = [];
  return {
    give: (value) => {
      const taker = takers.shift();
      if (taker === undefined) values.push(value);
      else taker(value);
    },
    take: () => {
      if (values.length > 0) return Promise.resolve(values.shift() as T);
      return new Promise((resolve) => takers.push(resolve));
    },
  };
}

test("says hello, registers, accepts, completes and leaves nothing behind when closed", async () => {
  const bench = await openBench();
  const { agent, peer } = await connect(bench);
  expect(bench.server.authorization).toBe("Bearer dm_agt_key");
  expect(peer.hello).toMatchObject({ agentName: "echo-1" });
  expect(peer.hello).not.toHaveProperty("lastSeq");
  const working = agent.handle({ echo: (task) => completed({ output: task.input, usage: { inputTokens: 3 } }) });
  peer.assign(1);
  const accept = await peer.next("TASK_ACCEPT");
  expect(accept).toMatchObject({ assignmentId: "a1", fence: 1 });
  peer.recorded(accept, "running");
  const complete = await peer.next("TASK_COMPLETE");
  expect(complete).toMatchObject({ assignmentId: "a1", output: { seq: 1 }, usage: { inputTokens: 3 } });
  peer.recorded(complete, "completed");
  expect(await bench.event("recorded")).toEqual({ type: "recorded", taskId: "t1", taskState: "completed" });
  const closing = agent.close();
  expect(await peer.next("ACK")).toMatchObject({ seq: 1 });
  expect(await peer.next("GOODBYE")).toMatchObject({ reason: "leave" });
  expect(await peer.closed).toBe(1000);
  await closing;
  await working;
  expect(bench.clock.pending).toBe(0);
  await expect(agent.get("t1")).rejects.toMatchObject({ code: "cancelled" });
});

test("sends the frames of one turn as one batch", async () => {
  const bench = await openBench();
  const { agent, peer } = await connect(bench);
  void agent.handle({ echo: () => 1 });
  peer.sendAll([1, 2, 3].map((seq) => encodeMessage("TASK_ASSIGN", toAssign(seq))));
  await peer.accepted();
  expect(peer.messages.at(-1)).toEqual(["TASK_ACCEPT", "TASK_ACCEPT", "TASK_ACCEPT"]);
  await peer.accepted();
  await peer.accepted();
  for (let index = 0; index < 3; index += 1) {
    peer.recorded(await peer.next("TASK_COMPLETE"), "completed");
    await bench.event("recorded");
  }
  await agent.close();
});

test("accepts no more than maxConcurrency, and the next when a handler is done", async () => {
  const bench = await openBench({ maxConcurrency: 1 });
  const { agent, peer } = await connect(bench);
  const { handlers, finish } = holdHandlers();
  void agent.handle(handlers);
  peer.assign(1);
  peer.assign(2);
  await peer.accepted();
  await peer.settle();
  expect(peer.count("TASK_ACCEPT")).toBe(0);
  finish("done");
  peer.recorded(await peer.next("TASK_COMPLETE"), "completed");
  expect(await peer.accepted()).toMatchObject({ assignmentId: "a2" });
  finish("done");
  peer.recorded(await peer.next("TASK_COMPLETE"), "completed");
  await bench.event("recorded");
  await agent.close();
});

test.each([
  [new TaskFailure("permanent", "no such file"), { class: "permanent", message: "no such file" }],
  [
    new TaskFailure("rate_limited", "slow down", { retryAfterMs: 1500.4 }),
    { class: "rate_limited", retryAfterMs: 1500 },
  ],
  [new TypeError("oops\u0000"), { class: "retryable", message: "oops\ufffd" }],
])("reports what a handler threw: %s", async (thrown, expected) => {
  const bench = await openBench();
  const { agent, peer } = await connect(bench);
  void agent.handle({
    echo: () => {
      throw thrown;
    },
  });
  peer.assign(1);
  await peer.accepted();
  const fail = await peer.next("TASK_FAIL");
  expect(fail).toMatchObject(expected);
  peer.recorded(fail, "failed");
  await bench.event("recorded");
  await agent.close();
});

test("rejects a task for which it has no handler", async () => {
  const bench = await openBench();
  const { agent, peer } = await connect(bench);
  void agent.handle({});
  peer.assign(1);
  const reject = await peer.next("TASK_REJECT");
  expect(reject.reason).toBe("no handler for echo");
  peer.recorded(reject, "queued");
  await bench.event("dropped");
  await agent.close();
});

test("fails an output that the server refuses", async () => {
  const bench = await openBench();
  const { agent, peer } = await connect(bench);
  void agent.handle({ echo: () => "wrong" });
  peer.assign(1);
  await peer.accepted();
  const complete = await peer.next("TASK_COMPLETE");
  peer.send("ERROR", { re: complete.id, code: "invalid_argument", reason: "output_schema", message: "must be object" });
  const fail = await peer.next("TASK_FAIL");
  expect(fail).toMatchObject({ class: "retryable", message: "the output was refused: must be object" });
  peer.recorded(fail, "scheduled");
  await bench.event("recorded");
  await agent.close();
});

test("fails an output that has no JSON form as permanent", async () => {
  const bench = await openBench();
  const { agent, peer } = await connect(bench);
  void agent.handle({ echo: () => 1n });
  peer.assign(1);
  await peer.accepted();
  const fail = await peer.next("TASK_FAIL");
  expect(fail).toMatchObject({ class: "permanent" });
  peer.recorded(fail, "failed");
  await bench.event("recorded");
  await agent.close();
});

test("aborts the handler on TASK_CANCEL and sends no result", async () => {
  const bench = await openBench();
  const { agent, peer } = await connect(bench);
  const { handlers, started, finish } = holdHandlers();
  void agent.handle(handlers);
  peer.assign(1);
  await peer.accepted();
  const signal = await started();
  peer.send("TASK_CANCEL", { seq: 2, assignmentId: "a1", fence: 1, reason: "timeout" });
  expect((await bench.event("dropped")).error).toMatchObject({ code: "cancelled", reason: "timeout" });
  expect(signal.aborted).toBe(true);
  finish("late");
  await peer.settle();
  expect(peer.count("TASK_COMPLETE")).toBe(0);
  bench.clock.advance(1_000);
  expect(await peer.next("ACK")).toMatchObject({ seq: 2 });
  await agent.close();
});

test("sends the newest progress of a turn once, and before the result", async () => {
  const bench = await openBench();
  const { agent, peer } = await connect(bench);
  void agent.handle({
    echo: (_task, ctx) => {
      for (let percent = 0; percent <= 100; percent += 1) ctx.progress({ percent });
      ctx.log("half way", "warn");
      return "done";
    },
  });
  peer.assign(1);
  await peer.accepted();
  const complete = await peer.next("TASK_COMPLETE");
  expect(peer.messages.at(-1)).toEqual(["TASK_PROGRESS", "TASK_COMPLETE"]);
  const progress = await peer.next("TASK_PROGRESS");
  expect(progress).toMatchObject({ percent: 100, log: [{ level: "warn", line: "half way" }] });
  expect(progress).not.toHaveProperty("id");
  peer.recorded(complete, "completed");
  await bench.event("recorded");
  await agent.close();
});

test("resumes after a drop: holds what runs, sends a lost COMPLETE again, drops a seq it has seen", async () => {
  const bench = await openBench();
  const { agent, peer } = await connect(bench);
  const { handlers, finish } = holdHandlers();
  void agent.handle(handlers);
  peer.assign(7);
  await peer.accepted();
  finish("result");
  const lost = await peer.next("TASK_COMPLETE");
  peer.socket.terminate();
  const next = await reconnect(bench, { keep: ["a7"] });
  expect(next.hello).toMatchObject({ holding: ["a7"], lastSeq: 7 });
  expect(await next.next("TASK_COMPLETE")).toEqual(lost);
  next.assign(7);
  await next.settle();
  expect(next.count("TASK_ACCEPT")).toBe(0);
  next.recorded(lost, "completed");
  await bench.event("recorded");
  await agent.close();
});

test("counts an assignment as processed only once its ACCEPT is recorded, in order", async () => {
  const bench = await openBench();
  const { agent, peer } = await connect(bench);
  const { handlers } = holdHandlers();
  void agent.handle(handlers);
  peer.assign(1);
  peer.assign(2);
  const first = await peer.next("TASK_ACCEPT");
  const second = await peer.next("TASK_ACCEPT");
  peer.recorded(second, "running");
  await peer.settle();
  peer.socket.terminate();
  const next = await reconnect(bench, { keep: ["a2"] });
  expect(next.hello).toMatchObject({ holding: ["a2"] });
  expect(next.hello).not.toHaveProperty("lastSeq");
  expect(await next.next("TASK_ACCEPT")).toEqual(first);
  next.recorded(first, "running");
  await next.settle();
  bench.clock.advance(1_000);
  expect(await next.next("ACK")).toMatchObject({ seq: 2 });
  await Promise.all([agent.close(), giveBack(bench, next, 2)]);
});

/** Lets the grace pass and answers what the agent gives back. */
async function giveBack(bench: Bench, peer: Peer, count: number): Promise<void> {
  bench.clock.advance(5_000);
  for (let index = 0; index < count; index += 1) {
    const fail = await peer.next("TASK_FAIL");
    expect(fail).toMatchObject({ class: "rate_limited", message: "the agent shuts down" });
    peer.recorded(fail, "queued");
  }
}

test("obeys recorded and drop of WELCOME", async () => {
  const bench = await openBench();
  const { agent, peer } = await connect(bench);
  const { handlers, started, finish } = holdHandlers();
  void agent.handle(handlers);
  peer.assign(1);
  peer.assign(2);
  await peer.accepted();
  await peer.accepted();
  await started();
  const second = await started();
  finish("first");
  await peer.next("TASK_COMPLETE");
  peer.socket.terminate();
  const next = await reconnect(bench, { recorded: ["a1"], drop: ["a2"] });
  expect(await bench.event("recorded")).toMatchObject({ taskId: "t1" });
  expect(second.reason).toMatchObject({ reason: "stale_assignment" });
  finish("second");
  await next.settle();
  expect(next.count("TASK_COMPLETE")).toBe(0);
  await agent.close();
});

test("begins anew when the server's mailbox is behind lastSeq", async () => {
  const bench = await openBench();
  const { agent, peer } = await connect(bench);
  void agent.handle({ echo: () => "done" });
  peer.assign(9);
  await peer.accepted();
  peer.recorded(await peer.next("TASK_COMPLETE"), "completed");
  await bench.event("recorded");
  peer.socket.terminate();
  bench.clock.advance((await bench.event("disconnected")).retryInMs);
  const next = await bench.server.accept();
  const hello = await next.next("HELLO");
  expect(hello.lastSeq).toBe(9);
  next.send("ERROR", { re: hello.id, code: "invalid_argument", message: "lastSeq 9 is above 0" });
  const again = await next.next("HELLO");
  expect(again).not.toHaveProperty("lastSeq");
  next.welcome(again.id);
  const register = await next.next("AGENT_REGISTER");
  next.send("AGENT_REGISTERED", { re: register.id, agent: { id: "x", name: "echo-1" } as never });
  next.assign(1);
  expect(await next.accepted()).toMatchObject({ assignmentId: "a1" });
  next.recorded(await next.next("TASK_COMPLETE"), "completed");
  await bench.event("recorded");
  await agent.close();
});

test("renews by a third of the lease, and aborts the handler when nothing could be renewed", async () => {
  const bench = await openBench();
  const { agent, peer } = await connect(bench);
  const { handlers, started, finish } = holdHandlers();
  void agent.handle(handlers);
  peer.assign(1);
  await peer.accepted();
  const signal = await started();
  bench.clock.advance(10_100);
  const renewal = await peer.next("TASK_PROGRESS");
  expect(renewal).toMatchObject({ assignmentId: "a1", fence: 1, id: expect.any(String) });
  peer.recorded(renewal, "running");
  await peer.settle();
  peer.socket.terminate();
  await bench.event("disconnected");
  bench.server.refusal = { status: 503, body: {} };
  bench.clock.advance(29_900);
  expect(signal.aborted).toBe(false);
  bench.clock.advance(200);
  expect(signal.reason).toMatchObject({ code: "deadline_exceeded", reason: "lease_lost" });
  finish("late");
  await agent.close();
  expect(bench.clock.pending).toBe(0);
});

test("aborts the handler when progress is answered with stale_assignment", async () => {
  const bench = await openBench();
  const { agent, peer } = await connect(bench);
  const { handlers, started, finish } = holdHandlers();
  void agent.handle(handlers);
  peer.assign(1);
  await peer.accepted();
  const signal = await started();
  const details = { assignmentId: "a1" };
  peer.send("ERROR", { code: "conflict", reason: "stale_assignment", message: "stale", details });
  await bench.event("dropped");
  expect(signal.aborted).toBe(true);
  finish(1);
  await agent.close();
});

test("sends a result again that the server could not record for the moment", async () => {
  const bench = await openBench();
  const { agent, peer } = await connect(bench);
  void agent.handle({ echo: () => "done" });
  peer.assign(1);
  await peer.accepted();
  const complete = await peer.next("TASK_COMPLETE");
  peer.send("ERROR", { re: complete.id, code: "unavailable", message: "the store is away", retryAfterMs: 300 });
  await peer.settle();
  bench.clock.advance(400);
  expect(await peer.next("TASK_COMPLETE")).toEqual(complete);
  peer.recorded(complete, "completed");
  await bench.event("recorded");
  await agent.close();
});

test("submits once however often the connection drops, and times out in the end", async () => {
  const bench = await openBench({ requestTimeoutMs: 60_000 });
  const { agent, peer } = await connect(bench);
  const submitting = agent.submit({ type: "echo", input: 1 });
  const first = await peer.next("TASK_SUBMIT");
  expect(first.idempotencyKey).toMatch(/^[0-9a-f-]{36}$/);
  peer.socket.terminate();
  const next = await reconnect(bench);
  const second = await next.next("TASK_SUBMIT");
  expect(second).toEqual(first);
  next.send("TASK_STATUS", { re: second.id, task: { id: "t", type: "echo", state: "queued" } as never });
  expect(await submitting).toMatchObject({ id: "t" });
  const getting = agent.get("t");
  await next.next("TASK_GET");
  bench.clock.advance(60_100);
  await expect(getting).rejects.toMatchObject({ code: "deadline_exceeded" });
  await agent.close();
});

test("keeps to maxInFlight, and records go before calls", async () => {
  const bench = await openBench();
  const [agent, peer] = await Promise.all([
    connectAgent(bench.options),
    bench.server.acceptAgent({ limits: { maxPayloadBytes: 10_485_760, maxInFlight: 2 } }),
  ]);
  void agent.handle({ echo: () => 1 });
  const calls = Promise.allSettled(["t1", "t2", "t3"].map((id) => agent.get(id)));
  const first = await peer.next("TASK_GET");
  peer.assign(1);
  await peer.settle();
  expect(peer.count("TASK_GET")).toBe(1);
  peer.send("ERROR", { re: first.id, code: "not_found", message: "no task t1" });
  const accept = await peer.next("TASK_ACCEPT");
  expect(peer.count("TASK_GET")).toBe(1);
  const second = await peer.next("TASK_GET");
  peer.send("ERROR", { re: second.id, code: "not_found", message: "no task t2" });
  peer.recorded(accept, "running");
  peer.recorded(await peer.next("TASK_COMPLETE"), "completed");
  await bench.event("recorded");
  await agent.close();
  expect((await calls)[0]).toMatchObject({ reason: { code: "not_found" } });
});

test("holds back while the server reads slowly, and sends all in the end", async () => {
  const bench = await openBench();
  const { agent, peer } = await connect(bench);
  peer.socket.pause();
  // random, so that gzip does not make it small
  const input = Buffer.from(crypto.getRandomValues(new Uint8Array(49_152)))
    .toString("base64")
    .repeat(12);
  const submits = Array.from({ length: 20 }, () =>
    agent.submit({ type: "echo", input: `${crypto.randomUUID()}${input}` }),
  );
  await new Promise((resolve) => setImmediate(resolve));
  peer.socket.resume();
  for (let index = 0; index < submits.length; index += 1) {
    const { id } = await peer.next("TASK_SUBMIT");
    peer.send("TASK_STATUS", { re: id, task: { id: String(index), type: "echo", state: "queued" } as never });
  }
  const tasks = await Promise.all(submits);
  expect(tasks.map(({ id }) => id)).toEqual(tasks.map((_, index) => String(index)));
  await agent.close();
});

test("pings after heartbeatMs of silence and reconnects after three in vain", async () => {
  const bench = await openBench();
  const { agent, peer } = await connect(bench);
  for (let index = 0; index < 3; index += 1) {
    bench.clock.advance(15_000);
    await peer.next("PING");
  }
  bench.clock.advance(15_000);
  expect((await bench.event("disconnected")).error).toMatchObject({ reason: "dead" });
  await agent.close();
});

test.each([
  [4401, "unauthenticated"],
  [4403, "permission_denied"],
  [4409, "conflict"],
  [1000, "failed_precondition"],
])("stops for good on close code %i", async (code, expected) => {
  const bench = await openBench();
  const { agent, peer } = await connect(bench);
  const working = agent.handle({ echo: () => 1 });
  peer.socket.close(code);
  await expect(working).rejects.toMatchObject({ code: expected });
  await expect(agent.get("t")).rejects.toMatchObject({ code: expected });
  expect(bench.clock.pending).toBe(0);
});

test.each([1012, 1013, 1011, 1008, 4408])("connects again after close code %i", async (code) => {
  const bench = await openBench();
  const { agent, peer } = await connect(bench);
  if (code === 1012) peer.send("GOODBYE", { reason: "drain", resumeAfterMs: 2_000 });
  peer.socket.close(code);
  const { retryInMs } = await bench.event("disconnected");
  expect(retryInMs).toBe(code === 1012 ? 2_125 : 125);
  bench.clock.advance(retryInMs);
  await bench.server.acceptAgent();
  await agent.close();
});

test.each([
  [401, "unauthenticated"],
  [403, "permission_denied"],
])("gives up on %i at the upgrade", async (status, code) => {
  const bench = await openBench();
  bench.server.refusal = { status, body: { error: { code, message: "no such key" } } };
  await expect(connectAgent(bench.options)).rejects.toMatchObject({
    code,
    message: expect.stringContaining("no such key"),
  });
  expect(bench.clock.pending).toBe(0);
});

test("tries again on 429 as late as asked, until the signal aborts", async () => {
  const controller = new AbortController();
  const bench = await openBench({ signal: controller.signal });
  const error = { code: "resource_exhausted", reason: "connection_limit", message: "full", retryAfterMs: 700 };
  bench.server.refusal = { status: 429, body: { error } };
  const connecting = connectAgent(bench.options);
  const disconnected = await bench.event("disconnected");
  expect(disconnected).toMatchObject({ retryInMs: 825, error: { reason: "connection_limit" } });
  controller.abort();
  await expect(connecting).rejects.toMatchObject({ code: "cancelled" });
  expect(bench.clock.pending).toBe(0);
});

test("gives up when the name may not be registered", async () => {
  const bench = await openBench();
  const connecting = connectAgent(bench.options);
  const peer = await bench.server.accept();
  const { id } = await peer.next("HELLO");
  peer.send("ERROR", { re: id, code: "permission_denied", message: "the key belongs to another agent" });
  await expect(connecting).rejects.toMatchObject({ code: "permission_denied" });
});

test("leaves by deregistering", async () => {
  const bench = await openBench();
  const { agent, peer } = await connect(bench);
  const working = agent.handle({ echo: () => 1 });
  const leaving = agent.leave();
  const { id } = await peer.next("AGENT_DEREGISTER");
  peer.send("GOODBYE", { re: id, reason: "deregistered" });
  peer.socket.close(1000);
  await leaving;
  await working;
  expect(bench.clock.pending).toBe(0);
});
