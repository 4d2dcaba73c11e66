import type { TenantId } from "@devmesh/models";
import { agentRepository, keyRepository, sql } from "@devmesh/repositories";
import { createUuidV7 } from "@devmesh/runtime";
import { checkLeaks } from "@devmesh/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Mesh, type Node, openMesh } from "./_mesh.ts";
import { type Client, hello, type Payload, registered } from "./_socket.ts";

checkLeaks();

let mesh: Mesh;
let a: Node;
let b: Node;
let key: string;

beforeAll(async () => {
  mesh = await openMesh();
  [a, b] = [await mesh.startNode(), await mesh.startNode()];
  key = (await mesh.createKey({ scopes: ["agents:connect", "messages:send", "events:read", "tasks:write"] })).text;
});
afterAll(() => mesh[Symbol.asyncDispose]());

const onA = (name: string): Promise<Client> => registered({ port: a.port, key, name });
const onB = (name: string): Promise<Client> => registered({ port: b.port, key, name });
const note = { kind: "note", content: 1 };

async function closeAll(...clients: readonly Client[]): Promise<void> {
  await Promise.all(clients.map((client) => client.close()));
}

/** The messages that came before one that is sent now: mailboxes are read in order. */
async function messagesOf(reader: Client, name: string): Promise<readonly Payload[]> {
  const postman = await onA("postman");
  await postman.request("SEND", { to: name, kind: "end", content: null });
  await reader.next(({ name: type, payload }) => type === "MESSAGE" && payload.kind === "end", "the last message");
  await postman.close();
  return reader.log
    .filter((frame) => frame.name === "MESSAGE" && frame.payload.kind !== "end")
    .map(({ payload }) => payload);
}

test("carries a message to another node, by name and by id, with what the sender gave", async () => {
  const [writer, reader] = [await onA("writer"), await onB("reader")];
  const content = { text: "grüß dich", list: [null, 1.5, "\u0000"] };
  const { payload: sent } = await writer.request("SEND", { to: "reader", kind: "ask", content, correlationId: "c1" });
  expect(sent).toMatchObject({ accepted: 1, queued: 0 });
  const { payload: message } = await reader.next("MESSAGE");
  expect(message).toEqual({
    seq: 1,
    messageId: sent.messageId,
    from: { id: expect.stringMatching(/^[0-9a-f-]{36}$/), name: "writer" },
    to: "reader",
    kind: "ask",
    content,
    correlationId: "c1",
    sentAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
  });
  await reader.request("SEND", { to: message.from.id, ...note });
  expect((await writer.next("MESSAGE")).payload).toMatchObject({ to: message.from.id, from: { name: "reader" } });
  await closeAll(writer, reader);
});

test("refuses what can't be sent, and says why", async () => {
  const writer = await onA("refused");
  const other = { id: createUuidV7()() as TenantId, name: "other" };
  await keyRepository(mesh.database).createTenant(other);
  const foreign = await agentRepository(mesh.database).register(
    other.id,
    createUuidV7()() as never,
    { name: "foreign", kind: "worker", capabilities: [], maxConcurrency: 1 },
    { delivery: "push" },
  );
  for (const to of ["nobody", foreign.id, "foreign", createUuidV7()()]) {
    expect((await writer.request("SEND", { to, ...note })).payload).toMatchObject({ code: "not_found" });
  }
  const wrong: readonly (readonly [object, string])[] = [
    [{ ...note }, "to"],
    [{ to: "a", topic: "b", ...note }, "to"],
    [{ broadcast: false, ...note }, "broadcast"],
    [{ topic: "a.*", ...note }, "topic"],
    [{ topic: "a..b", ...note }, "topic"],
    [{ to: "a", kind: "k" }, "content"],
    [{ to: "a", content: 1 }, "kind"],
    [{ to: "a", ...note, ttlMs: 0 }, "ttlMs"],
    [{ to: "a", ...note, messageId: "x" }, "messageId"],
    [{ to: "a", kind: "k", content: "x".repeat(1_048_577) }, "content"],
  ];
  for (const [fields, path] of wrong) {
    expect((await writer.request("SEND", fields as Record<string, unknown>)).payload).toMatchObject({
      code: "invalid_argument",
      details: [{ path }],
    });
  }
  for (const topics of [[], ["a.>.b"], [""], ["a", 1]]) {
    expect((await writer.request("SUBSCRIBE", { topics })).payload).toMatchObject({ code: "invalid_argument" });
  }
  const many = Array.from({ length: 100 }, (_, index) => `t.${index}`);
  expect((await writer.request("SUBSCRIBE", { topics: many })).payload.topics).toHaveLength(100);
  expect((await writer.request("SUBSCRIBE", { topics: ["one.more"] })).payload).toMatchObject({
    code: "resource_exhausted",
  });
  await writer.close();
});

test("holds senders and readers of events to their scopes, and all to having registered", async () => {
  const bare = (await mesh.createKey({ scopes: ["agents:connect"] })).text;
  const client = await registered({ port: a.port, key: bare, name: "bare" });
  const denied = { code: "permission_denied", reason: "missing_scope" };
  expect((await client.request("SEND", { broadcast: true, ...note })).payload).toMatchObject(denied);
  for (const topic of ["task.*", "agent.paused", "*.x", ">", "workflow.1"]) {
    expect((await client.request("SUBSCRIBE", { topics: ["news.a", topic] })).payload).toMatchObject(denied);
  }
  expect((await client.request("SUBSCRIBE", { topics: ["news.a"] })).payload.topics).toEqual(["news.a"]);
  const stranger = await hello({ port: a.port, key, name: "unregistered" });
  for (const [name, payload] of [
    ["SEND", { broadcast: true, ...note }],
    ["SUBSCRIBE", { topics: ["a"] }],
    ["UNSUBSCRIBE", { topics: ["a"] }],
  ] as const) {
    expect((await stranger.request(name, payload)).payload).toMatchObject({ code: "failed_precondition" });
  }
  await closeAll(client, stranger);
});

test("brings a topic once to each who subscribed it, in any words, and not to its sender", async () => {
  const [writer, one, two, deaf] = [
    await onA("topic-w"),
    await onA("topic-1"),
    await onB("topic-2"),
    await onB("topic-3"),
  ];
  await writer.request("SUBSCRIBE", { topics: ["shop.>"] });
  await one.request("SUBSCRIBE", { topics: ["shop.*.open", "shop.a.open", "shop.>"] });
  await two.request("SUBSCRIBE", { topics: ["*.a.open"] });
  await deaf.request("SUBSCRIBE", { topics: ["shop", "shop.*", "shop.a.open.>", "Shop.a.open"] });
  const { payload: sent } = await writer.request("SEND", { topic: "shop.a.open", ...note });
  expect(sent).toMatchObject({ accepted: 2, queued: 0 });
  for (const [reader, name] of [
    [one, "topic-1"],
    [two, "topic-2"],
  ] as const) {
    expect(await messagesOf(reader, name)).toEqual([
      expect.objectContaining({ topic: "shop.a.open", messageId: sent.messageId }),
    ]);
  }
  expect(await messagesOf(deaf, "topic-3")).toEqual([]);
  expect(await messagesOf(writer, "topic-w")).toEqual([]);
  expect((await writer.request("SEND", { topic: "no.body", ...note })).payload).toMatchObject({
    accepted: 0,
    queued: 0,
  });
  await closeAll(writer, one, two, deaf);
});

test("broadcasts to all others, connected or not", async () => {
  const writer = await onA("caster");
  const others = [await onA("cast-1"), await onB("cast-2"), await onB("cast-3")];
  await others[2]?.close();
  const { rows } = await mesh.database.query<{ all: number; offline: number }>(sql`
    select count(*) - 1 as all, count(*) filter (where s.connection_id is null) as offline
    from agent a join agent_slot s on s.agent_id = a.id
    where a.tenant_id = ${mesh.tenantId} and a.deregistered_at is null`);
  const { payload: sent } = await writer.request("SEND", { broadcast: true, ...note });
  expect(sent.accepted).toBe(rows[0]?.all);
  expect(sent.queued).toBeGreaterThanOrEqual(1);
  for (const reader of others.slice(0, 2)) {
    const { payload } = await reader.next("MESSAGE");
    expect(payload.messageId).toBe(sent.messageId);
    expect(payload).not.toHaveProperty("to");
    expect(payload).not.toHaveProperty("topic");
  }
  expect(await messagesOf(writer, "caster")).toEqual([]);
  await closeAll(writer, ...others);
});

test("keeps for a durable subscriber what comes while it is away, in order, until it is acknowledged", async () => {
  const writer = await onA("news-w");
  const [kept, lost] = [await onB("news-kept"), await onB("news-lost")];
  expect((await kept.request("SUBSCRIBE", { topics: ["news.*"], durable: true })).payload.topics).toEqual(["news.*"]);
  expect((await kept.request("SUBSCRIBE", { topics: ["plain.*"] })).payload.topics).toEqual(["news.*", "plain.*"]);
  await lost.request("SUBSCRIBE", { topics: ["news.*"] });
  await closeAll(kept, lost);
  await expect
    .poll(async () => (await writer.request("SEND", { topic: "news.probe", kind: "k", content: 0 })).payload)
    .toMatchObject({ accepted: 1, queued: 1 });
  for (const content of [1, 2, 3]) {
    expect((await writer.request("SEND", { topic: "news.a", kind: "k", content })).payload).toMatchObject({
      queued: 1,
    });
  }
  expect((await writer.request("SEND", { topic: "plain.a", ...note })).payload).toMatchObject({ accepted: 0 });
  const again = await onA("news-kept");
  const last = await again.next(({ name, payload }) => name === "MESSAGE" && payload.content === 3);
  const messages = again.log.filter(({ name }) => name === "MESSAGE").map(({ payload }) => payload);
  const seqs = messages.map(({ seq }) => seq);
  expect(seqs).toEqual([...seqs].sort((one, other) => one - other));
  expect(messages.slice(-3).map(({ content }) => content)).toEqual([1, 2, 3]);
  again.send("ACK", { seq: last.payload.seq - 1 });
  await again.request("UNSUBSCRIBE", { topics: ["none"] });
  await again.close();
  await expect
    .poll(async () => {
      const { rows } = await mesh.database.query<{ count: number }>(sql`
        select count(*) from mailbox m join agent a on a.id = m.agent_id where a.name = 'news-kept'`);
      return rows[0]?.count;
    })
    .toBe(1);
  const resumed = await onB("news-kept");
  expect((await resumed.next("MESSAGE")).payload).toMatchObject({ seq: last.payload.seq, content: 3 });
  await closeAll(writer, resumed);
  const missed = await onB("news-lost");
  const probes = (await messagesOf(missed, "news-lost")).map(({ content }) => content);
  expect(probes.filter((content) => content !== 0)).toEqual([]);
  await missed.close();
});

test("UNSUBSCRIBE ends plain and durable topics, and tells what is left", async () => {
  const [writer, reader] = [await onA("un-w"), await onB("un-r")];
  await reader.request("SUBSCRIBE", { topics: ["un.a", "un.b"], durable: true });
  await reader.request("SUBSCRIBE", { topics: ["un.c"] });
  const { payload } = await reader.request("UNSUBSCRIBE", { topics: ["un.a", "un.c", "un.unknown"] });
  expect(payload.topics).toEqual(["un.b"]);
  expect((await writer.request("SEND", { topic: "un.a", ...note })).payload.accepted).toBe(0);
  expect((await writer.request("SEND", { topic: "un.c", ...note })).payload.accepted).toBe(0);
  expect((await writer.request("SEND", { topic: "un.b", ...note })).payload.accepted).toBe(1);
  await closeAll(writer, reader);
});

test("a repeated SEND with its messageId has the first answer and no second effect, through any node", async () => {
  const [writer, reader] = [await onA("twice"), await onB("once")];
  const messageId = createUuidV7()();
  const message = { to: "once", ...note, messageId };
  for (const id of ["one", "two"]) writer.send("SEND", { id, ...message });
  const answers = [await writer.next("SENT"), await writer.next("SENT")];
  const elsewhere = await hello({ port: b.port, key, name: "twice" });
  answers.push(await elsewhere.request("SEND", { ...message, messageId: messageId.toUpperCase() }));
  for (const { payload } of answers) expect(payload).toMatchObject({ messageId, accepted: 1, queued: 0 });
  expect(await messagesOf(reader, "once")).toHaveLength(1);
  await closeAll(elsewhere, reader);
});

test("a full mailbox refuses what is sent to it, and takes again once there is room", async () => {
  const [writer, reader] = [await onA("filler"), await onB("full")];
  await reader.close();
  expect((await writer.request("SEND", { to: "full", ...note })).payload.accepted).toBe(1);
  const fill = (frames: number): Promise<unknown> =>
    mesh.database.query(sql`
      update mailbox_size set frames = ${frames}, counted_at = now()
      where agent_id = (select id from agent where name = 'full')`);
  await fill(10_000);
  const refused = await writer.request("SEND", { to: "full", ...note });
  expect(refused).toMatchObject({ name: "ERROR", payload: { code: "resource_exhausted", reason: "mailbox_full" } });
  await fill(9_999);
  expect((await writer.request("SEND", { to: "full", ...note })).payload).toMatchObject({ accepted: 1, queued: 1 });
  await writer.close();
});

test("what has expired before it could be sent never is", async () => {
  const [writer, reader] = [await onA("hasty"), await onB("late")];
  await reader.close();
  await writer.request("SEND", { to: "late", kind: "k", content: "short", ttlMs: 1 });
  await writer.request("SEND", { to: "late", kind: "k", content: "long", ttlMs: 60_000 });
  const again = await onA("late");
  expect((await messagesOf(again, "late")).map(({ content }) => content)).toEqual(["long"]);
  await closeAll(writer, again);
});

test("delivers a mailbox of many megabytes in order, and no connection is given up over it", async () => {
  const [writer, reader] = [await onA("publisher"), await onB("archive")];
  await reader.close();
  const pad = "x".repeat(1_000_000);
  for (let content = 0; content < 24; content++) {
    const sent = await writer.request("SEND", { to: "archive", kind: "k", content: { content, pad } });
    expect(sent.payload).toMatchObject({ accepted: 1 });
  }
  const again = await onB("archive");
  const contents = (await messagesOf(again, "archive")).map(({ content }) => content.content);
  expect(contents).toEqual(Array.from({ length: 24 }, (_, index) => index));
  await closeAll(writer, again);
});
