import { type AgentId, type ConnectionId, matchesTopic, type NodeId, type TenantId } from "@devmesh/models";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { describeOnBoth, givenAgent, givenNode, givenTenant, newUuid, type OpenDatabase } from "../../test/fixture.ts";
import { agentRepository } from "../agents/agent-repository.ts";
import type { Database } from "../database/database.ts";
import { sql } from "../database/sql.ts";
import { prune } from "../prune.ts";
import { type DeliveryFrame, deliveryRepository } from "./delivery-repository.ts";
import { messageRepository, type OutgoingMessage, type SendOutcome } from "./message-repository.ts";
import { subscriptionRepository } from "./subscription-repository.ts";

describeOnBoth(describeMessages);

interface Someone {
  readonly tenantId: TenantId;
  readonly agentId: AgentId;
  readonly name: string;
  readonly connectionId: ConnectionId;
}

function describeMessages(open: OpenDatabase): void {
  let database: Database;
  let tenantId: TenantId;
  let nodeId: NodeId;
  const stack = new AsyncDisposableStack();
  beforeAll(async () => {
    database = await open(stack);
    nodeId = await givenNode(database);
  });
  afterAll(() => stack.disposeAsync());

  const someone = async (isConnected = true): Promise<Someone> => {
    const { agent, connectionId } = await givenAgent(database, tenantId, isConnected ? { nodeId } : {});
    return { tenantId, agentId: agent.id, name: agent.name, connectionId };
  };
  const toMessage = (
    sender: Someone,
    target: OutgoingMessage["target"],
    more: Partial<OutgoingMessage> = {},
  ): OutgoingMessage => ({
    tenantId: sender.tenantId,
    senderId: sender.agentId,
    senderName: sender.name,
    target,
    messageId: newUuid(),
    isRepeatable: false,
    kind: "note",
    content: "1",
    ...more,
  });
  const send = async (...given: Parameters<typeof toMessage>): Promise<SendOutcome> => {
    const [outcome] = await messageRepository(database).send([toMessage(...given)]);
    return outcome as SendOutcome;
  };
  const framesOf = (
    { tenantId: ofTenant, agentId }: Someone,
    afterSeq = 0,
    limit = 100,
  ): Promise<readonly DeliveryFrame[]> =>
    deliveryRepository(database).findFrames([{ tenantId: ofTenant, agentId, afterSeq, resume: true }], limit);
  const contentsOf = async (reader: Someone): Promise<readonly unknown[]> =>
    (await framesOf(reader)).map((frame) => frame.kind === "mail" && frame.payload["content"]);
  const subscribe = (who: Someone, topics: readonly string[], isDurable = false): Promise<unknown> =>
    subscriptionRepository(database).subscribe(who, topics, { isDurable });
  const acknowledge = ({ agentId, connectionId }: Someone, ackedSeq: number): Promise<void> =>
    agentRepository(database).touch([{ tenantId, agentId, connectionId, ackedSeq }]);
  /** Makes the mailbox look as full as this, whatever is in it. */
  const setSize = (reader: Someone, frames: number, bytes: number): Promise<unknown> =>
    database.query(sql`update mailbox_size set frames = ${frames}, bytes = ${bytes}, counted_at = now()
      where agent_id = ${reader.agentId}`);

  beforeAll(async () => {
    tenantId = await givenTenant(database);
  });

  test("a message goes out whole to the one that id or name names, with its sender and its time", async () => {
    const [writer, reader] = [await someone(), await someone()];
    const content = '{"__proto__": 1, "text": "\\u0000\\ud800"}';
    const more = { content, correlationId: "c", messageId: newUuid() };
    expect(await send(writer, { to: reader.name }, more)).toEqual({
      kind: "sent",
      accepted: 1,
      queued: 0,
      receivers: [expect.objectContaining({ tenantId, agentId: reader.agentId, nodeId })],
    });
    await send(writer, { to: reader.agentId.toUpperCase() });
    const [first, second] = await framesOf(reader);
    expect(first).toMatchObject({ kind: "mail", type: 0x0303, seq: 1 });
    expect(first?.kind === "mail" && first.payload).toEqual({
      messageId: more.messageId,
      from: { id: writer.agentId, name: writer.name },
      to: reader.name,
      kind: "note",
      correlationId: "c",
      sentAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      content: JSON.parse(content),
    });
    expect(second?.seq).toBe(2);
  });

  test("nobody of this name is unknown, so is another tenant's agent; oneself gets nothing", async () => {
    const writer = await someone();
    const { agent: foreign } = await givenAgent(database, await givenTenant(database), { nodeId });
    expect(await send(writer, { to: "nobody" })).toEqual({ kind: "unknown" });
    expect(await send(writer, { to: foreign.id })).toEqual({ kind: "unknown" });
    expect(await send(writer, { to: foreign.name })).toEqual({ kind: "unknown" });
    expect(await send(writer, { to: writer.name })).toEqual({ kind: "sent", accepted: 0, queued: 0, receivers: [] });
  });

  test("a broadcast reaches all agents of the tenant but its sender, and counts who is offline", async () => {
    const own = await givenTenant(database);
    const people: Someone[] = [];
    for (const given of [{ nodeId }, { nodeId }, {}]) {
      const { agent, connectionId } = await givenAgent(database, own, given);
      people.push({ tenantId: own, agentId: agent.id, name: agent.name, connectionId });
    }
    const [writer, online, offline] = people as [Someone, Someone, Someone];
    expect(await send(writer, { broadcast: true })).toMatchObject({ accepted: 2, queued: 1 });
    expect(await framesOf(writer)).toEqual([]);
    expect(await framesOf(online)).toHaveLength(1);
    expect(await framesOf(offline)).toHaveLength(1);
    await agentRepository(database).deregister(own, offline.agentId);
    expect(await send(writer, { broadcast: true })).toMatchObject({ accepted: 1, queued: 0 });
  });

  test("a topic reaches each subscriber once, the plain ones only while their connection lasts", async () => {
    const [writer, plain, durable, other] = [await someone(), await someone(), await someone(), await someone()];
    await subscribe(plain, ["shop.*", "shop.a", "shop.>"]);
    await subscribe(durable, ["shop.>"], true);
    await subscribe(other, ["shop", "shop.a.b", "*.b"]);
    await subscribe(writer, ["shop.a"], true);
    expect(await send(writer, { topic: "shop.a" })).toMatchObject({ accepted: 2, queued: 0 });
    expect(await framesOf(plain)).toHaveLength(1);
    for (const who of [plain, durable]) await agentRepository(database).detach([{ ...who, unreachable: false }]);
    expect(await send(writer, { topic: "shop.a" })).toMatchObject({ accepted: 1, queued: 1 });
    expect(await framesOf(durable)).toHaveLength(2);
    expect(await framesOf(other)).toEqual([]);
    expect(await send(writer, { topic: "nobody.listens" })).toMatchObject({ accepted: 0, queued: 0 });
  });

  test("a large message to many is kept once, and goes when the last has acknowledged it", async () => {
    const [writer, one, two] = [await someone(), await someone(), await someone()];
    for (const reader of [one, two]) await subscribe(reader, ["large.a"]);
    const text = "é".repeat(5_000);
    await send(writer, { topic: "large.a" }, { content: JSON.stringify(text) });
    await send(writer, { topic: "large.a" }, { content: '"small"' });
    for (const reader of [one, two]) expect(await contentsOf(reader)).toEqual([text, "small"]);
    const bodies = async (): Promise<number> =>
      (await database.query(sql`select id from mail_body where tenant_id = ${tenantId}`)).rows.length;
    expect(await bodies()).toBe(1);
    await acknowledge(one, 2);
    await prune(database);
    expect(await bodies()).toBe(1);
    expect(await contentsOf(two)).toEqual([text, "small"]);
    await acknowledge(two, 2);
    await prune(database);
    expect(await bodies()).toBe(0);
  });

  test("subscriptions add up, in order; a durable one stays durable; those of older connections are gone", async () => {
    const { subscribe: add, unsubscribe } = subscriptionRepository(database);
    const who = await someone();
    await add(who, ["b", "a"], { isDurable: false });
    await add(who, ["c", "a", "a"], { isDurable: true });
    const { topics } = await add(who, ["a", "b"], { isDurable: false });
    expect(topics).toEqual([
      { topic: "a", isDurable: true },
      { topic: "b", isDurable: false },
      { topic: "c", isDurable: true },
    ]);
    const again = { ...who, connectionId: newUuid<ConnectionId>() };
    await agentRepository(database).attach(tenantId, who.name, { connectionId: again.connectionId, nodeId }, undefined);
    expect((await unsubscribe(again, ["c", "unknown"])).topics).toEqual([{ topic: "a", isDurable: true }]);
    await expect(add(who, ["late"], { isDurable: true })).rejects.toMatchObject({ reason: "replaced" });
  });

  test("more than 100 topics are refused, and change nothing", async () => {
    const who = await someone();
    const many = Array.from({ length: 100 }, (_, index) => `many.${index}`);
    await subscribe(who, many);
    await expect(subscribe(who, ["one.more"])).rejects.toMatchObject({
      code: "resource_exhausted",
      message: "101 topics would be in force, the limit is 100",
    });
    const { topics } = await subscriptionRepository(database).unsubscribe(who, ["nothing"]);
    expect(topics.map(({ topic }) => topic)).toEqual([...many].sort());
  });

  test("a message sent again under its id has one effect and the first answer, in one call and in two", async () => {
    const [writer, reader] = [await someone(), await someone(false)];
    const repeated = toMessage(writer, { to: reader.name }, { isRepeatable: true });
    const first = await messageRepository(database).send([repeated, { ...repeated, content: "2" }]);
    expect(first.map((outcome) => outcome.kind === "sent" && [outcome.accepted, outcome.queued])).toEqual([
      [1, 1],
      [1, 1],
    ]);
    expect(await messageRepository(database).send([repeated])).toEqual([
      expect.objectContaining({ kind: "sent", accepted: 1, queued: 1, receivers: [] }),
    ]);
    expect(await contentsOf(reader)).toEqual([1]);
    const others = await someone();
    await messageRepository(database).send([{ ...repeated, senderId: others.agentId, content: "3" }]);
    expect(await contentsOf(reader)).toEqual([1, 3]);
  });

  test("all repeats of one call get the first answer, though that was given in an earlier call", async () => {
    const [writer, reader] = [await someone(), await someone()];
    const repeated = toMessage(writer, { to: reader.name }, { isRepeatable: true });
    await messageRepository(database).send([repeated]);
    const again = await messageRepository(database).send([{ ...repeated }, { ...repeated }, { ...repeated }]);
    expect(again).toEqual(Array(3).fill({ kind: "sent", accepted: 1, queued: 0, receivers: [] }));
    expect(await contentsOf(reader)).toEqual([1]);
  });

  test("of the same message sent twice at once one is written", async () => {
    const [writer, reader] = [await someone(), await someone()];
    const repeated = toMessage(writer, { to: reader.name }, { isRepeatable: true });
    const outcomes = await Promise.all(Array.from({ length: 5 }, () => messageRepository(database).send([repeated])));
    expect(outcomes.flat().filter((outcome) => outcome.kind === "sent" && outcome.receivers.length > 0)).toHaveLength(
      1,
    );
    expect(await framesOf(reader)).toHaveLength(1);
  });

  test("one that could not be sent is not remembered", async () => {
    const writer = await someone();
    const early = toMessage(writer, { to: `late-${newUuid()}` }, { isRepeatable: true });
    expect(await messageRepository(database).send([early])).toEqual([{ kind: "unknown" }]);
    const { agent } = await givenAgent(database, tenantId, { name: "to" in early.target ? early.target.to : "" });
    expect(await messageRepository(database).send([early])).toMatchObject([{ kind: "sent", accepted: 1 }]);
    await agentRepository(database).deregister(tenantId, agent.id);
  });

  test("what has expired is not delivered, and pruned", async () => {
    const [writer, reader] = [await someone(), await someone(false)];
    await send(writer, { to: reader.name }, { ttlMs: 60_000, content: '"short"' });
    await send(writer, { to: reader.name }, { content: '"long"' });
    expect(await contentsOf(reader)).toEqual(["short", "long"]);
    await database.query(
      sql`update mailbox set expires_at = now() - interval '1 second' where agent_id = ${reader.agentId} and seq = 1`,
    );
    expect(await contentsOf(reader)).toEqual(["long"]);
    expect(await prune(database)).toBeGreaterThanOrEqual(1);
    const { rows } = await database.query(sql`select seq from mailbox where agent_id = ${reader.agentId}`);
    expect(rows).toEqual([{ seq: 2 }]);
  });

  test("the 10,001st frame is refused, others of the same topic get theirs, and acknowledging makes room", async () => {
    const [writer, reader, other] = [await someone(), await someone(), await someone()];
    await subscribe(reader, ["full.box"]);
    await subscribe(other, ["full.box"]);
    const messages = Array.from({ length: 5_000 }, () => toMessage(writer, { to: reader.name }));
    for (const batch of [messages, messages.map((message) => ({ ...message, messageId: newUuid<string>() }))]) {
      const outcomes = await messageRepository(database).send(batch);
      expect(outcomes.every(({ kind }) => kind === "sent")).toBe(true);
    }
    expect(await send(writer, { to: reader.name })).toEqual({ kind: "full" });
    expect(await send(writer, { topic: "full.box" })).toMatchObject({ accepted: 1 });
    await acknowledge(reader, 1);
    expect(await send(writer, { to: reader.name })).toMatchObject({ kind: "sent", accepted: 1 });
    expect(await send(writer, { to: reader.name })).toEqual({ kind: "full" });
  });

  test("64 MiB are the other limit, and what has expired makes room", async () => {
    const [writer, reader] = [await someone(), await someone(false)];
    const content = JSON.stringify("x".repeat(1_000));
    await send(writer, { to: reader.name }, { content, ttlMs: 60_000 });
    const { rows } = await database.query<{ frames: number; bytes: number }>(sql`
      select frames, bytes from mailbox_size where agent_id = ${reader.agentId}`);
    const { frames, bytes = 0 } = rows[0] ?? {};
    expect(frames).toBe(1);
    expect(bytes).toBeGreaterThan(1_000);
    expect(bytes).toBeLessThan(1_300);
    await setSize(reader, 1, 67_108_864 - bytes);
    expect(await send(writer, { to: reader.name }, { content })).toMatchObject({ kind: "sent" });
    await setSize(reader, 2, 67_108_865 - bytes);
    expect(await send(writer, { to: reader.name }, { content })).toEqual({ kind: "full" });
    // nothing was acknowledged, and it was counted just now: not looked at again so soon
    await database.query(
      sql`update mailbox set expires_at = now() - interval '1 second' where agent_id = ${reader.agentId} and seq = 1`,
    );
    expect(await send(writer, { to: reader.name }, { content })).toEqual({ kind: "full" });
    await database.query(sql`
      update mailbox_size set counted_at = now() - interval '1 minute' where agent_id = ${reader.agentId}`);
    expect(await send(writer, { to: reader.name }, { content })).toMatchObject({ kind: "sent" });
    const after = await database.query(sql`select frames from mailbox_size where agent_id = ${reader.agentId}`);
    expect(after.rows).toEqual([{ frames: 2 }]);
  });

  test("frames of tasks count towards no limit", async () => {
    const [writer, reader] = [await someone(), await someone(false)];
    await send(writer, { to: reader.name });
    await database.query(sql`
      insert into mailbox (tenant_id, agent_id, seq, type, payload)
      select ${tenantId}, ${reader.agentId}, 100 + n, 519, '{}' from generate_series(1, 10000) n`);
    await setSize(reader, 10_000, 0);
    await database.query(sql`update mailbox_size set counted_at = null where agent_id = ${reader.agentId}`);
    expect(await send(writer, { to: reader.name })).toMatchObject({ kind: "sent" });
  });

  test("messages of two senders at once get every seq once, in the order of each sender", async () => {
    const [one, two, reader] = [await someone(), await someone(), await someone()];
    const texts = Array.from({ length: 40 }, (_, index) => index);
    const sendAll = async (writer: Someone): Promise<void> => {
      for (const index of texts) await send(writer, { to: reader.name }, { content: `["${writer.name}",${index}]` });
    };
    await Promise.all([sendAll(one), sendAll(two)]);
    const frames = await framesOf(reader);
    expect(frames.map(({ seq }) => seq)).toEqual(Array.from({ length: 80 }, (_, index) => index + 1));
    const contents = (await contentsOf(reader)) as readonly (readonly [string, number])[];
    for (const writer of [one, two]) {
      expect(contents.filter(([name]) => name === writer.name).map(([, index]) => index)).toEqual(texts);
    }
  });

  test("subscriptions of connections that are gone are pruned, durable ones are kept", async () => {
    const who = await someone();
    await subscribe(who, ["gone.a"]);
    await subscribe(who, ["kept.a"], true);
    await database.query(sql`update subscription set created_at = now() - interval '2 hours'`);
    await prune(database);
    const topics = async (): Promise<readonly unknown[]> =>
      (await database.query(sql`select topic from subscription where agent_id = ${who.agentId} order by topic`)).rows;
    expect(await topics()).toEqual([{ topic: "gone.a" }, { topic: "kept.a" }]);
    await agentRepository(database).detach([{ ...who, unreachable: false }]);
    await prune(database);
    expect(await topics()).toEqual([{ topic: "kept.a" }]);
  });

  test("SQL takes the topics that the models take", async () => {
    const part = fc.constantFrom("a", "b", "_-", "%");
    const pattern = fc
      .tuple(fc.array(fc.oneof(part, fc.constant("*")), { maxLength: 4 }), fc.constantFrom(["a"], ["*"], [">"]))
      .map(([head, tail]) => [...head, ...tail].join("."));
    const topic = fc.array(part, { minLength: 1, maxLength: 5 }).map((parts) => parts.join("."));
    const pairs = fc.sample(fc.tuple(pattern, topic), 2_000);
    const { rows } = await database.query<{ matches: boolean }>(sql`
      select topic_matches(pattern, topic) as matches
      from unnest(${pairs.map(([asked]) => asked)}::text[], ${pairs.map(([, given]) => given)}::text[])
        with ordinality as pair (pattern, topic, place)
      order by place`);
    expect(rows.map(({ matches }) => matches)).toEqual(pairs.map(([asked, given]) => matchesTopic(asked, given)));
    expect(rows.filter(({ matches }) => matches).length).toBeGreaterThan(20);
  });
}
