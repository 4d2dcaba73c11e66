import { Agent, request } from "node:http";
import { type AgentEvent, connectAgent, type MeshAgent } from "@devmesh/agent-sdk";
import { openPostgres, sql } from "@devmesh/repositories";
import { waitFor } from "@devmesh/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Fleet, openFleet } from "../kit/fleet.ts";
import { auditLoad, startLoad } from "../kit/load.ts";

let fleet: Fleet;
beforeAll(async () => {
  fleet = await openFleet({ mcpServers: 2, workers: 2, times: {} });
});
afterAll(() => fleet?.[Symbol.asyncDispose]());

test("each service stops and starts again under load: every task is done once, and none is given back", async () => {
  const agents = await Promise.all(
    [0, 1].map((first) => connectEcho(fleet, { name: `echo-${first}`, first, maxConcurrency: 8 })),
  );
  const load = startLoad(fleet, { count: 300, perSecond: 30 });
  for (const service of [...fleet.mcp, ...fleet.workers, fleet.rest]) {
    await service.stop();
    await service.start();
  }
  await load.done;
  const audit = await auditLoad(fleet, 45_000);
  expect(audit).toMatchObject({ tasks: 300, completed: 300, results: 300, wrong: 0, completedTwice: 0, inFlight: 0 });
  expect(load.accepted.size).toBe(300);
  expect(await countTries(fleet)).toEqual({ lost: 0, again: 0 });
  for (const service of [...fleet.mcp, ...fleet.workers, fleet.rest]) {
    expect(service.process.output()).not.toMatch(/"level":("error"|"fatal"|50|60)/);
  }
  for (const agent of agents) await agent.close();
});

test("a node that stops hands its agents over: what they work on is finished elsewhere, in the same attempt", async () => {
  const finish = Promise.withResolvers<void>();
  const events: AgentEvent[] = [];
  await using agent = await connectEcho(fleet, { name: "mover", first: 0, events, work: () => finish.promise });
  const tasks = await Promise.all([1, 2, 3].map((input) => agent.submit({ type: "echo", input })));
  const states = async (): Promise<string[]> => Promise.all(tasks.map(async ({ id }) => (await agent.get(id)).state));
  await waitFor(async () => (await states()).every((state) => state === "running"), { what: "the tasks' start" });

  await fleet.mcp[0]?.stop();
  await waitFor(() => events.filter(({ type }) => type === "connected").length === 2, { what: "the other node" });
  const [left] = events.filter((event) => event.type === "disconnected");
  expect(left).toMatchObject({ error: { message: expect.stringContaining('1012 after goodbye "draining"') } });
  finish.resolve();
  await waitFor(async () => (await states()).every((state) => state === "completed"), { what: "the results" });
  for (const { id } of tasks) expect(await agent.get(id)).toMatchObject({ attempt: 1 });
  await fleet.mcp[0]?.start();
  expect(events.filter(({ type }) => type === "dropped")).toEqual([]);
});

test("rest-api cuts off no request that it was sent, and closes kept connections with its answer", async () => {
  const before = await countTasks();
  const agent = new Agent({ keepAlive: true, maxSockets: 4 });
  const answers: { readonly status: number | undefined; readonly connection: string | undefined }[] = [];
  const failures: string[] = [];
  const stop = new AbortController();
  const client = async (): Promise<void> => {
    while (!stop.signal.aborted) {
      const answer = await submit(fleet, agent).catch((error: NodeJS.ErrnoException) => error);
      if (!(answer instanceof Error)) answers.push(answer);
      // nobody listens any more: the request was never sent
      else if (answer.code === "ECONNREFUSED") return;
      else failures.push(`${answer.code} ${answer.message}`);
    }
  };
  const clients = Array.from({ length: 4 }, client);
  await waitFor(() => answers.length > 40, { what: "some answers" });
  await fleet.rest.stop();
  await Promise.all(clients);
  stop.abort();
  agent.destroy();
  expect(failures).toEqual([]);
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([201]));
  expect(answers.filter(({ connection }) => connection === "close").length).toBeGreaterThanOrEqual(1);
  expect((await countTasks()) - before).toBe(answers.length);
});

async function countTasks(): Promise<number> {
  await using database = openPostgres({ url: fleet.services.databaseUrl });
  const { rows } = await database.query<{ n: number }>(sql`select count(*)::int as n from task`);
  return rows[0]?.n ?? -1;
}

interface EchoOptions {
  readonly name: string;
  /** The node that it connects to first. */
  readonly first: number;
  readonly maxConcurrency?: number;
  readonly events?: AgentEvent[];
  readonly work?: () => Promise<void>;
}

async function connectEcho(fleet: Fleet, options: EchoOptions): Promise<MeshAgent> {
  const { name, first, maxConcurrency = 3, events = [], work = async () => undefined } = options;
  const urls = fleet.mcp.map(({ url }) => `${url.replace("http", "ws")}/ws`);
  const agent = await connectAgent({
    url: [...urls.slice(first), ...urls.slice(0, first)],
    apiKey: fleet.apiKey,
    name,
    capabilities: [{ name: "echo" }],
    maxConcurrency,
    // begins with the first of its nodes, and waits little
    random: () => 0.1,
    onEvent: (event) => events.push(event),
  });
  void agent.handle({
    echo: async (task) => {
      await work();
      return task.input;
    },
  });
  return agent;
}

/** Assignments that ended but by a result, and tasks that had more than one attempt. */
async function countTries(fleet: Fleet): Promise<{ readonly lost: number; readonly again: number }> {
  await using database = openPostgres({ url: fleet.services.databaseUrl });
  const { rows } = await database.query<{ lost: number; again: number }>(sql`
    select (select count(*)::int from assignment where state <> 'completed') as lost,
      (select count(*)::int from task where attempt > 1) as again`);
  return rows[0] ?? { lost: -1, again: -1 };
}

function submit(
  fleet: Fleet,
  agent: Agent,
): Promise<{ readonly status: number | undefined; readonly connection: string | undefined }> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${fleet.apiKey}`, "content-type": "application/json" };
    const asked = request(`${fleet.rest.url}/api/v1/tasks`, { method: "POST", agent, headers });
    asked.once("error", reject);
    asked.once("response", (response) => {
      const { statusCode: status, headers } = response;
      response.once("error", reject);
      response.once("end", () => resolve({ status, connection: headers.connection }));
      response.resume();
    });
    asked.end(JSON.stringify({ type: "nobody" }));
  });
}
