import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { afterAll, beforeAll, expect, test } from "vitest";
import { assertAddsUp } from "../kit/adds-up.ts";
import { type McpNode, startMcpNode } from "./kit/mcp-node.ts";

let node: McpNode | undefined;
let beside: Awaited<ReturnType<McpNode["startBeside"]>> | undefined;

beforeAll(async () => {
  node = await startMcpNode();
  beside = await node?.startBeside();
});
afterAll(async () => {
  await beside?.process[Symbol.asyncDispose]();
  await node?.[Symbol.asyncDispose]();
});

interface Claimed {
  readonly assignmentId: string;
  readonly fence: number;
  readonly task: { readonly id: string };
}

interface Tools {
  call(name: string, args: object): Promise<Record<string, unknown>>;
  claim(agent: string, args?: object): Promise<readonly Claimed[]>;
}

async function connect(url: string, apiKey: string): Promise<Tools> {
  const client = new Client({ name: "test", version: "1" }, { versionNegotiation: { mode: { pin: "2026-07-28" } } });
  const requestInit = { headers: { authorization: `Bearer ${apiKey}` } };
  await client.connect(new StreamableHTTPClientTransport(new URL(`${url}/mcp`), { requestInit }));
  const call: Tools["call"] = async (name, args) => {
    const { isError, structuredContent } = await client.callTool({ name, arguments: { ...args } });
    expect(isError, JSON.stringify(structuredContent)).not.toBe(true);
    return structuredContent as Record<string, unknown>;
  };
  return {
    call,
    claim: async (agent, args = {}) =>
      (await call("task_claim", { agent, ...args }))["assignments"] as readonly Claimed[],
  };
}

/** Those who wait look by themselves no sooner than after two seconds: what comes before that was told. */
const toldMs = 1_900;
/** A busy machine may be late with one that was told, and not time and again. */
const maxTries = 3;

test("a claim that waits at one node is told of what another does: a task comes, its agent learns more", async (context) => {
  if (node === undefined || beside === undefined) return context.skip();
  const [here, there] = await Promise.all([connect(node.url, node.apiKey), connect(beside.url, node.apiKey)]);
  await here.call("agent_register", { name: "listener", capabilities: [{ name: "listen" }] });
  // the first of its type makes the lane
  await there.call("task_create", { type: "listen" });
  const [first] = await here.claim("listener", { waitMs: 20_000 });
  if (first === undefined) throw new Error("nothing was claimed");
  const { assignmentId, fence } = first;
  await here.call("task_complete", { agent: "listener", assignmentId, fence, output: 1 });
  const create = async (type: string): Promise<string> =>
    ((await there.call("task_create", { type })) as { task: { id: string } }).task.id;
  expect(await quickest(() => claimWhatComes(here, () => create("listen")))).toBeLessThan(toldMs);
  const learn = async (tries: number): Promise<number> => {
    const taskId = await create(`learn-${tries}`);
    const capabilities = [{ name: "listen" }, { name: `learn-${tries}` }];
    return claimWhatComes(here, async () => {
      await there.call("agent_update", { agent: "listener", capabilities });
      return taskId;
    });
  };
  expect(await quickest(learn)).toBeLessThan(toldMs);
});

/** Tries until one is in time, and gives what the last one took. */
async function quickest(run: (tries: number) => Promise<number>): Promise<number> {
  let tookMs = Number.POSITIVE_INFINITY;
  for (let tries = 0; tries < maxTries && tookMs >= toldMs; tries++) tookMs = await run(tries);
  return tookMs;
}

/** Claims at one node, then has something done at the other; gives how long the claim took, which ends with the task of that. */
async function claimWhatComes(here: Tools, happens: () => Promise<string>): Promise<number> {
  let isOver = false;
  const begunAt = performance.now();
  const waiting = here.claim("listener", { waitMs: 20_000 }).finally(() => {
    isOver = true;
  });
  await here.call("agent_heartbeat", { agent: "listener" });
  expect(isOver).toBe(false);
  const taskId = await happens();
  const claimed = await waiting;
  const tookMs = performance.now() - begunAt;
  expect(claimed.map((one) => one.task.id)).toEqual([taskId]);
  for (const { assignmentId, fence } of claimed) {
    await here.call("task_complete", { agent: "listener", assignmentId, fence, output: 1 });
  }
  return tookMs;
}

test("agents at two nodes that claim at once get each task once, and all of them", async (context) => {
  if (node === undefined || beside === undefined) return context.skip();
  const nodes = await Promise.all([connect(node.url, node.apiKey), connect(beside.url, node.apiKey)]);
  const names = Array.from({ length: 8 }, (_, index) => `racer-${index}`);
  const register = (name: string, index: number): Promise<unknown> | undefined =>
    nodes[index % 2]?.call("agent_register", { name, capabilities: [{ name: "race" }], maxConcurrency: 3 });
  await Promise.all(names.map(register));
  const created = Array.from({ length: 40 }, (_, index) => nodes[index % 2]?.call("task_create", { type: "race" }));
  const done: string[] = [];
  const work = async (agent: string, tools: Tools): Promise<void> => {
    while (done.length < created.length) {
      for (const { assignmentId, fence, task } of await tools.claim(agent, { max: 3, waitMs: 500 })) {
        await tools.call("task_complete", { agent, assignmentId, fence, output: agent });
        done.push(task.id);
      }
    }
  };
  await Promise.all(names.flatMap((name, index) => nodes[index % 2] && work(name, nodes[index % 2] as Tools)));
  await Promise.all(created);
  expect(new Set(done).size).toBe(40);
  expect(done).toHaveLength(40);
  await assertAddsUp(node.database, node.tenantId);
});

test("a node that ends answers the claims that wait; what one got is given again by another node for its key", async (context) => {
  if (node === undefined) return context.skip();
  const ending = await node.startBeside();
  await using process = ending.process;
  const [here, there] = await Promise.all([connect(node.url, node.apiKey), connect(ending.url, node.apiKey)]);
  for (const name of ["keeper", "waiter"]) {
    await there.call("agent_register", { name, capabilities: [{ name }] });
  }
  await here.call("task_create", { type: "keeper" });
  const keyed = { idempotencyKey: "the same", max: 2 };
  const claimed = await there.claim("keeper", keyed);
  expect(claimed).toHaveLength(1);
  const waiting = there.claim("waiter", { waitMs: 25_000 });
  await there.call("agent_heartbeat", { agent: "waiter" });
  const begunAt = performance.now();
  const ended = process.stop();
  expect(await waiting).toEqual([]);
  await ended;
  expect(performance.now() - begunAt).toBeLessThan(20_000);
  const again = await here.claim("keeper", keyed);
  expect(again.map(({ assignmentId, fence }) => ({ assignmentId, fence }))).toEqual(
    claimed.map(({ assignmentId, fence }) => ({ assignmentId, fence })),
  );
  // its presence outlives the node that it spoke to
  const { agents } = (await here.call("agent_list", {})) as { agents: { name: string; connection: string }[] };
  expect(agents.find(({ name }) => name === "waiter")?.connection).toBe("connected");
});
