import { connectAgent, type MeshAgent, type TaskHandlers } from "@devmesh/agent-sdk";
import { openPostgres, sql } from "@devmesh/repositories";
import { waitFor } from "@devmesh/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Fleet, openFleet } from "../kit/fleet.ts";

/** Root and 1,000 tasks below it, eight levels deep. */
const widths = [3, 10, 27, 80, 160, 240, 240, 240];

describe("agents of one slot each", () => {
  let fleet: Fleet;
  beforeAll(async () => {
    fleet = await openFleet({ mcpServers: 2, workers: 1 });
  });
  afterAll(() => fleet?.[Symbol.asyncDispose]());

  test("delegate to each other and finish, over processes of their own", async () => {
    const handlers: TaskHandlers = {
      "tree.sum": async (task, ctx) => {
        const { depth } = task.input as { depth: number };
        if (depth === 0) return 1;
        const child = { type: "tree.sum", input: { depth: depth - 1 } };
        const results = await ctx.delegate([child, child]);
        return results.reduce((sum, { output }) => sum + Number(output), 0);
      },
    };
    await using a = await connect(fleet, { node: 0, name: "a", handlers });
    await using _b = await connect(fleet, { node: 1, name: "b", handlers });
    const { id } = await a.submit({ type: "tree.sum", input: { depth: 3 } });
    const task = await waitFor(
      async () => {
        const found = await a.get(id);
        return found.state === "completed" || found.state === "failed" ? found : undefined;
      },
      { what: "the sum" },
    );
    expect(task).toMatchObject({ state: "completed", output: 8 });
  });

  test("have children, results and waiting parents outlive a node that is killed", async () => {
    const [node] = fleet.mcp;
    const before = await countTasks();
    // each kill may cost every task a lease
    const maxAttempts = 10;
    const handlers: TaskHandlers = {
      "tree.sum": async (task, ctx) => {
        const { depth } = task.input as { depth: number };
        if (depth === 0) return 1;
        const child = { type: "tree.sum", input: { depth: depth - 1 }, maxAttempts };
        const results = await ctx.delegate([child, child], { idempotencyKey: task.id });
        return results.reduce((sum, { output }) => sum + Number(output), 0);
      },
    };
    await using _a = await connect(fleet, { node: 0, name: "a", handlers });
    await using b = await connect(fleet, { node: 1, name: "b", handlers });
    const { id } = await b.submit({ type: "tree.sum", input: { depth: 5 }, maxAttempts });
    for (let round = 0; round < 3; round++) {
      // the last kills may come after its end on a machine that is slow to start a node
      await waitFor(async () => ["running", "completed"].includes((await b.get(id)).state));
      await node?.kill();
      await node?.start();
    }
    const task = await waitFor(
      async () => {
        const found = await b.get(id);
        return found.finishedAt === undefined ? undefined : found;
      },
      { timeoutMs: 120_000, what: "the sum" },
    );
    expect(task).toMatchObject({ state: "completed", output: 32 });
    // however often a parent was tried, it has two children
    expect((await countTasks()) - before).toBe(63);
  });

  async function countTasks(): Promise<number> {
    await using database = openPostgres({ url: fleet.services.databaseUrl });
    const { rows } = await database.transaction({ role: "devmesh_engine" }, (tx) =>
      tx.query<{ n: number }>(sql`select count(*)::int as n from task where tenant_id = ${fleet.tenantId}`),
    );
    return rows[0]?.n ?? -1;
  }
});

test("a cancel through REST ends a tree of a thousand within two seconds, and aborts its handlers", async () => {
  await using fleet = await openFleet({ mcpServers: 2, workers: 1, times: { DEVMESH_LEASE_MS: "30000" } });
  await using database = openPostgres({ url: fleet.services.databaseUrl });
  const aborted: unknown[] = [];
  let begun = 0;
  const handlers: TaskHandlers = {
    "tree.grow": async (task, ctx) => {
      const { children } = task.input as { children: readonly Growth[] };
      for (const input of children) await ctx.submit({ type: "tree.grow", input });
      begun += 1;
      await new Promise<void>((resolve) => {
        ctx.signal.addEventListener("abort", () => {
          aborted.push(ctx.signal.reason.reason);
          resolve();
        });
      });
    },
  };
  await using a = await connect(fleet, { node: 0, name: "a", handlers, maxConcurrency: 400 });
  await using _b = await connect(fleet, { node: 1, name: "b", handlers, maxConcurrency: 400 });
  const { id } = await a.submit({ type: "tree.grow", input: growthOf(0) });
  const states = async (): Promise<Readonly<Record<string, number>>> => {
    const { rows } = await database.transaction({ role: "devmesh_engine" }, (tx) =>
      tx.query<{ state: string; n: number }>(sql`
        select state, count(*)::int as n from task where tenant_id = ${fleet.tenantId} group by state`),
    );
    return Object.fromEntries(rows.map(({ state, n }) => [state, n]));
  };
  // two thirds at work, the rest in the queue
  await waitFor(async () => Object.values(await states()).reduce((sum, n) => sum + n, 0) === 1_001 && begun === 800, {
    timeoutMs: 120_000,
    what: "the tree to have grown",
  });
  const before = performance.now();
  const response = await fetch(`${fleet.rest.url}/api/v1/tasks/${id}/cancel`, {
    method: "POST",
    headers: { authorization: `Bearer ${fleet.apiKey}`, "content-type": "application/json" },
    body: "{}",
  });
  const answeredMs = performance.now() - before;
  expect(await response.json()).toMatchObject({ data: { id, state: "cancelled" } });
  expect(await states()).toEqual({ cancelled: 1_001 });
  expect(answeredMs).toBeLessThan(2_000);
  await waitFor(() => aborted.length === 800, { what: "every handler's signal" });
  // a renewal may be refused just before TASK_CANCEL is there
  expect(["cancelled by a caller", "parent_cancelled", "stale_assignment"]).toEqual(
    expect.arrayContaining([...new Set(aborted)]),
  );
});

interface Growth {
  readonly children: readonly Growth[];
}

/** What the first task of a level grows below it: the others of its level stay leaves. */
function growthOf(level: number): Growth {
  const width = widths[level] ?? 0;
  return {
    children: Array.from({ length: width }, (_, index) => (index === 0 ? growthOf(level + 1) : { children: [] })),
  };
}

async function connect(
  fleet: Fleet,
  {
    node,
    name,
    handlers,
    maxConcurrency = 1,
  }: { node: number; name: string; handlers: TaskHandlers; maxConcurrency?: number },
): Promise<MeshAgent> {
  const url = `${fleet.mcp[node]?.url.replace("http", "ws")}/ws`;
  const capabilities = Object.keys(handlers).map((capability) => ({ name: capability }));
  const agent = await connectAgent({ url, apiKey: fleet.apiKey, name, capabilities, maxConcurrency });
  agent.handle(handlers).catch(() => undefined);
  return agent;
}
