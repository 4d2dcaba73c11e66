import { connect as connectTcp } from "node:net";
import { type AgentEvent, connectAgent, type MeshAgent } from "@devmesh/agent-sdk";
import { maxDropMs, nodeTimes } from "@devmesh/agents";
import { waitFor } from "@devmesh/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Fleet, openFleet } from "../kit/fleet.ts";

/** A fifth of what is in force unless configured, and so is the promise that follows from it. */
const shrink = 5;
const times = {
  DEVMESH_NODE_LEASE_MS: String(15_000 / shrink),
  DEVMESH_LEASE_MS: "20000",
  DEVMESH_HEARTBEAT_MS: "1000",
};
const dropWithinMs = maxDropMs / shrink;
const { leaseMs } = nodeTimes(15_000 / shrink);
/** Tasks in a row, however long that takes a busy machine. */
const leastFlow = 8;
const droppedLine = "connections of a dead node dropped";

describe.each([
  ["with Valkey", true],
  ["without Valkey", false],
])("a mesh %s", (_, redis) => {
  let fleet: Fleet;
  beforeAll(async () => {
    fleet = await openFleet({ mcpServers: 2, redis, times });
  });
  afterAll(() => fleet?.[Symbol.asyncDispose]());

  if (redis) {
    test("drops nobody while its Valkey is flushed again and again, and then killed, and tasks flow", () =>
      flowThroughFlushes(fleet));
  }

  test("shows agents of a node that is killed as disconnected in time, and their work goes on elsewhere", async () => {
    const finish = Promise.withResolvers<void>();
    await using lonely = await connect(fleet, { name: "lonely", nodes: [1] });
    await using mover = await connect(fleet, { name: "mover", nodes: [1, 0] });
    await using _bystander = await connect(fleet, { name: "bystander", nodes: [0] });
    void lonely.handle({});
    void mover.handle({ mover: async () => finish.promise.then(() => "done") });
    const { id } = await mover.submit({ type: "mover" });
    await waitFor(async () => (await mover.get(id)).state === "running", { what: "the task's start" });

    await fleet.mcp[1]?.kill();
    const killedAt = performance.now();
    const isDropped = async (): Promise<boolean> => (await readAgent(fleet, "lonely")).connection === "disconnected";
    await waitFor(isDropped, { timeoutMs: dropWithinMs, what: "the drop" });
    expect(performance.now() - killedAt).toBeLessThan(dropWithinMs);
    await waitFor(async () => (await readAgent(fleet, "mover")).connection === "connected", { what: "the other node" });
    expect((await readAgent(fleet, "bystander")).connection).toBe("connected");

    // what it worked on was neither given away nor begun anew
    expect(await mover.get(id)).toMatchObject({ state: "running", attempt: 1 });
    finish.resolve();
    const done = await waitFor(async () => ended(await mover.get(id)), { what: "the result" });
    expect(done).toMatchObject({ state: "completed", output: "done", attempt: 1 });
    expect(fleet.workers[0]?.process.output()).toContain(droppedLine);
    expect(await readMetrics(fleet)).toMatch(/devmesh_nodes_dropped_total\{.*\} 1\n/);
    // the gauge is that of the sweep's latest look
    const isCounted = async (): Promise<boolean> => /devmesh_nodes_alive\{.*\} 1\n/.test(await readMetrics(fleet));
    await waitFor(isCounted, { what: "the count of the nodes that are left" });
  });
});

async function flowThroughFlushes(fleet: Fleet): Promise<void> {
  const events: AgentEvent[] = [];
  await using submitter = await connect(fleet, { name: "submitter", nodes: [0], events });
  await using echo = await connect(fleet, { name: "echo", nodes: [1], events });
  void echo.handle({ echo: (task) => task.input });

  let submitted = 0;
  const flowFor = async (ms: number, disturb: () => Promise<void>): Promise<void> => {
    const until = performance.now() + ms;
    for (let flowed = 0; flowed < leastFlow || performance.now() < until; flowed++) {
      await disturb();
      const { id } = await submitter.submit({ type: "echo", input: ++submitted });
      const done = await waitFor(async () => ended(await submitter.get(id)), { what: "a result" });
      expect(done).toMatchObject({ state: "completed", output: submitted });
    }
  };
  // longer than presence, suspicion and half a lease together
  await flowFor(2 * leaseMs, () => flushAll(fleet.services.redisUrl));
  await fleet.services.stopValkey();
  await flowFor(2 * leaseMs, async () => undefined);
  await fleet.services.startValkey();
  await flowFor(leaseMs, async () => undefined);

  expect(events.map(({ type }) => type).filter((type) => type.endsWith("connected"))).toEqual([
    "connected",
    "connected",
  ]);
  expect(fleet.workers[0]?.process.output()).not.toContain(droppedLine);
}

interface Connecting {
  readonly name: string;
  /** In the order in which they are tried. */
  readonly nodes: readonly number[];
  readonly events?: AgentEvent[];
}

function connect(fleet: Fleet, { name, nodes, events = [] }: Connecting): Promise<MeshAgent> {
  return connectAgent({
    url: nodes.map((node) => `${fleet.mcp[node]?.url.replace("http", "ws")}/ws`),
    apiKey: fleet.apiKey,
    name,
    capabilities: [{ name }],
    // begins with the first of its nodes, and waits little
    random: () => 0.1,
    onEvent: (event) => events.push(event),
  });
}

async function readAgent(fleet: Fleet, name: string): Promise<{ readonly connection: string }> {
  const headers = { authorization: `Bearer ${fleet.apiKey}` };
  const response = await fetch(`${fleet.rest.url}/api/v1/agents/${name}`, { headers });
  const { data } = (await response.json()) as { readonly data: { readonly connection: string } };
  return data;
}

async function readMetrics(fleet: Fleet): Promise<string> {
  const headers = { authorization: `Bearer ${fleet.apiKey}` };
  return await (await fetch(`${fleet.workers[0]?.url}/metrics`, { headers })).text();
}

function ended<T extends { readonly state: string }>(task: T): T | undefined {
  return task.state === "completed" || task.state === "failed" ? task : undefined;
}

/** Redis takes a command as a line of text. */
function flushAll(url: string): Promise<void> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = connectTcp(Number(port), hostname, () => socket.write("FLUSHALL\r\n"));
    socket.once("error", reject);
    socket.once("data", () => socket.end(resolve));
  });
}
