import { expect, onTestFinished, test } from "vitest";
import { type AgentEvent, type AgentMessage, connectAgent, type MeshAgent, type MeshEvent } from "../src/index.ts";
import { FakeClock } from "./_fake-clock.ts";
import { type Peer, ScriptedServer } from "./_scripted-server.ts";

interface Bench {
  readonly server: ScriptedServer;
  readonly clock: FakeClock;
  readonly agent: MeshAgent;
  readonly peer: Peer;
  readonly problems: string[];
}

async function openBench(): Promise<Bench> {
  const server = await ScriptedServer.start();
  onTestFinished(() => server[Symbol.asyncDispose]());
  const clock = new FakeClock();
  const problems: string[] = [];
  const onEvent = (event: AgentEvent): void => {
    if (event.type === "problem") problems.push(event.error.message);
  };
  const options = { url: server.url, apiKey: "dm_agt_key", name: "reader", capabilities: [], clock, onEvent };
  const [agent, peer] = await Promise.all([
    connectAgent({ ...options, random: () => 0.5, graceMs: 0 }),
    server.acceptAgent(),
  ]);
  onTestFinished(() => agent.close());
  return { server, clock, agent, peer, problems };
}

const sender = { id: "01990000-0000-7000-8000-00000000000a", name: "writer" };

function sendMessage(peer: Peer, seq: number, more: object = {}): void {
  peer.send("MESSAGE", {
    seq,
    messageId: `m${seq}`,
    from: sender,
    kind: "note",
    content: { seq },
    sentAt: "2026-01-01T00:00:00.000Z",
    ...more,
  });
}

async function heard(list: readonly unknown[], count: number): Promise<void> {
  await expect.poll(() => list.length).toBe(count);
}

test("acknowledges a message once its handler has finished, and no sooner", async () => {
  const { agent, peer, clock } = await openBench();
  const finish: (() => void)[] = [];
  agent.onMessage(() => new Promise<void>((resolve) => finish.push(resolve)));
  sendMessage(peer, 1);
  sendMessage(peer, 2);
  await heard(finish, 1);
  clock.advance(2_000);
  await peer.settle();
  expect(peer.count("ACK")).toBe(0);
  finish[0]?.();
  await heard(finish, 2);
  clock.advance(2_000);
  expect(await peer.next("ACK")).toEqual({ seq: 1 });
  finish[1]?.();
});

test("hears messages in order, each id once, though its seq is another", async () => {
  const { agent, peer, clock } = await openBench();
  const messages: AgentMessage[] = [];
  agent.onMessage((message) => messages.push(message));
  sendMessage(peer, 3);
  sendMessage(peer, 3);
  sendMessage(peer, 4, { messageId: "m3" });
  sendMessage(peer, 5, { topic: "news.a" });
  await heard(messages, 2);
  expect(messages[0]).toEqual({
    messageId: "m3",
    from: sender,
    kind: "note",
    content: { seq: 3 },
    sentAt: "2026-01-01T00:00:00.000Z",
  });
  expect(messages[1]).toMatchObject({ messageId: "m5", topic: "news.a" });
  clock.advance(2_000);
  expect(await peer.next("ACK")).toEqual({ seq: 5 });
});

test("keeps what came before the first handler, and passes it over once the agent works without one", async () => {
  const { agent, peer, clock } = await openBench();
  sendMessage(peer, 1);
  await peer.settle();
  const messages: AgentMessage[] = [];
  agent.onMessage((message) => messages.push(message));
  await heard(messages, 1);
  peer.send("EVENT", { seq: 2, topic: "task.created", event: toEvent("task.created") });
  await peer.settle();
  void agent.handle({});
  clock.advance(2_000);
  expect(await peer.next("ACK")).toEqual({ seq: 2 });
});

test("reports a handler that failed and acknowledges all the same", async () => {
  const { agent, peer, clock, problems } = await openBench();
  agent.onMessage(() => {
    throw new Error("no paper");
  });
  sendMessage(peer, 1);
  await heard(problems, 1);
  expect(problems[0]).toBe("the handler of a message failed: Error: no paper");
  clock.advance(2_000);
  expect(await peer.next("ACK")).toEqual({ seq: 1 });
});

test("hears events with and without a seq", async () => {
  const { agent, peer } = await openBench();
  const events: MeshEvent[] = [];
  agent.onEvent((event) => events.push(event));
  peer.send("EVENT", { topic: "task.created", event: toEvent("task.created") });
  peer.send("EVENT", { seq: 1, topic: "agent.paused", event: toEvent("agent.paused") });
  await heard(events, 2);
  expect(events[0]).toEqual({ ...toEvent("task.created"), topic: "task.created" });
  expect(events[1]?.type).toBe("agent.paused");
});

test("keeps what the mesh says of a task from those who listen to messages, and believes no namesake", async () => {
  const { agent, peer, clock } = await openBench();
  const messages: AgentMessage[] = [];
  agent.onMessage((message) => messages.push(message));
  const mesh = { id: "00000000-0000-0000-0000-000000000000", name: "devmesh" };
  sendMessage(peer, 1, { from: mesh, kind: "task.answer", correlationId: "a1" });
  sendMessage(peer, 2, { from: { ...sender, name: "devmesh" }, kind: "task.answer", correlationId: "a1" });
  await heard(messages, 1);
  expect(messages[0]?.messageId).toBe("m2");
  clock.advance(2_000);
  expect(await peer.next("ACK")).toEqual({ seq: 2 });
});

test("sends with an id of its own, so that a lost reply does not send twice", async () => {
  const { server, clock, agent, peer } = await openBench();
  const sending = agent.send({ to: "writer", kind: "note", content: null, ttlMs: 5_000 });
  const first = await peer.next("SEND");
  expect(first).toMatchObject({ to: "writer", kind: "note", content: null, ttlMs: 5_000 });
  peer.socket.terminate();
  const again = await nextPeer({ server, clock });
  const second = await again.next("SEND");
  expect(second.messageId).toBe(first.messageId);
  again.send("SENT", { re: second.id, messageId: second.messageId ?? "", accepted: 1, queued: 0 });
  expect(await sending).toEqual({ messageId: first.messageId, accepted: 1, queued: 0 });
});

test("subscribes plain topics again after a reconnect, but neither durable ones nor those that were given up", async () => {
  const { server, clock, agent, peer } = await openBench();
  await subscribe(peer, agent.subscribe(["news.a", "news.b"]));
  await subscribe(peer, agent.subscribe(["news.kept"], { durable: true }));
  const giving = agent.unsubscribe(["news.b"]);
  const request = await peer.next("UNSUBSCRIBE");
  peer.send("SUBSCRIBED", { re: request.id, topics: ["news.a", "news.kept"] });
  expect(await giving).toEqual(["news.a", "news.kept"]);
  peer.socket.terminate();
  const again = await nextPeer({ server, clock });
  expect((await again.next("SUBSCRIBE")).topics).toEqual(["news.a"]);
});

async function subscribe(peer: Peer, asked: Promise<readonly string[]>): Promise<void> {
  const { id, topics } = await peer.next("SUBSCRIBE");
  peer.send("SUBSCRIBED", { re: id, topics: [...topics] });
  expect(await asked).toEqual(topics);
}

/** Lets the clock run until the agent is back. */
async function nextPeer({ server, clock }: Pick<Bench, "server" | "clock">): Promise<Peer> {
  const accepted = server.acceptAgent();
  let isBack = false;
  void accepted.then(() => {
    isBack = true;
  });
  await expect
    .poll(() => {
      if (!isBack) clock.advance(500);
      return isBack;
    })
    .toBe(true);
  return accepted;
}

function toEvent(type: string): MeshEventFields {
  return { id: "e1", type, at: "2026-01-01T00:00:00.000Z", subject: "s1", data: {} };
}

type MeshEventFields = Omit<MeshEvent, "topic">;

test("goes on when the user's log of events throws", async () => {
  const server = await ScriptedServer.start();
  onTestFinished(() => server[Symbol.asyncDispose]());
  const onEvent = (): never => {
    throw new Error("the disk of the log is full");
  };
  const options = { url: server.url, apiKey: "dm_agt_key", name: "reader", capabilities: [], onEvent, graceMs: 0 };
  const [agent, peer] = await Promise.all([connectAgent(options), server.acceptAgent()]);
  onTestFinished(() => agent.close());
  const got: unknown[] = [];
  agent.onMessage(({ content }) => {
    got.push(content);
    throw new Error("reported, to a log that throws");
  });
  sendMessage(peer, 1);
  sendMessage(peer, 2);
  await heard(got, 2);
});
