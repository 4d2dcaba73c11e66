import { Agent } from "node:http";
import { type Fleet, openFleet } from "@devmesh/tests/fleet";
import { median, percentile, printTable, rounded } from "../figures.ts";
import { type Load, load, send } from "./load.ts";
import { bareTool, callRequest, exampleTask, listRequest, type McpRequest } from "./requests.ts";
import { startBareServer } from "./start-bare-server.ts";

const sizes = { rounds: 5, seconds: 3, connections: 16 };
/** So many are read in turn. */
const taskCount = 100;
/** As operators run it, but for the limit of one key. */
const inProduction = { NODE_ENV: "production", DEVMESH_RATE_LIMIT_PER_SECOND: "0" };
/** Shows that the harness works. */
const quickSizes = { rounds: 1, seconds: 0.3, connections: 4 };

/** Ours, with a credential to check and a row to read behind it, and the SDK's own server with nothing behind it. */
interface Side {
  readonly url: string;
  readonly call: readonly McpRequest[];
  readonly list: readonly McpRequest[];
}

type Sides = Readonly<Record<(typeof sideNames)[number], Side>>;

const sideNames = ["bare", "bareTools", "devmesh"] as const;

/** How many requests of a kind each side answered in a second. */
export type McpRates = Record<"call" | "list", Readonly<Record<keyof Sides, number>>>;

/** `tools/call` and `tools/list` of `/mcp` beside the SDK's own bare server, in turns. */
export async function benchMcp({ isQuick = false } = {}): Promise<Readonly<McpRates>> {
  const asked = isQuick ? quickSizes : sizes;
  await using stack = new AsyncDisposableStack();
  const fleet = stack.use(await openFleet({ fsync: true, times: inProduction }));
  const url = fleet.mcp[0]?.url ?? "";
  const own = {
    url,
    call: (await endTasks(fleet)).map((id) => callRequest("task_get", id, fleet.apiKey)),
    list: [listRequest(fleet.apiKey)],
  };
  const tools = await countTools(own);
  const sides: Sides = {
    bare: toBare(stack.use(await startBareServer(1)).url),
    bareTools: toBare(stack.use(await startBareServer(tools)).url),
    devmesh: own,
  };
  const names = { bare: "the SDK, 1 tool", bareTools: `the SDK, ${tools} tools`, devmesh: `devmesh, ${tools} tools` };
  const compare = async (method: "call" | "list"): Promise<McpRates["call"]> => {
    const measured = await measure(sides, method, asked);
    const rates = toRates(measured);
    printTable(
      `tools/${method}, ${asked.connections} connections`,
      ["", "a second", "to the SDK, 1 tool", "p50 ms", "p99 ms"],
      sideNames.map((name) => [names[name], ...toCells(measured[name], rates[name], rates.bare)]),
    );
    return rates;
  };
  const rates = { call: await compare("call"), list: await compare("list") };
  await printAlone(sides, names, asked.seconds);
  return rates;
}

/** Peers and ours take turns, so that what else the machine does harms all. */
async function measure(
  sides: Sides,
  method: "call" | "list",
  { rounds, ...size }: typeof sizes,
): Promise<Readonly<Record<keyof Sides, readonly Load[]>>> {
  const measured: Record<keyof Sides, Load[]> = { bare: [], bareTools: [], devmesh: [] };
  for (const name of sideNames)
    await load(sides[name].url, sides[name][method], { ...size, seconds: size.seconds / 3 });
  for (let round = 0; round < rounds; round++) {
    for (const name of sideNames) measured[name].push(await load(sides[name].url, sides[name][method], size));
  }
  return measured;
}

function toRates({ bare, bareTools, devmesh }: Readonly<Record<keyof Sides, readonly Load[]>>): McpRates["call"] {
  const rateOf = (loads: readonly Load[]): number => median(loads.map(({ perSecond }) => perSecond));
  return { bare: rateOf(bare), bareTools: rateOf(bareTools), devmesh: rateOf(devmesh) };
}

function toCells(loads: readonly Load[], perSecond: number, bare: number): readonly string[] {
  const latencies = loads.flatMap((one) => one.latencies);
  const shown = [percentile(latencies, 0.5), percentile(latencies, 0.99)].map((ms) => rounded(ms, 2));
  return [rounded(perSecond), rounded(perSecond / bare, 2), ...shown];
}

/** One request at a time: what a single client waits for. */
async function printAlone(sides: Sides, names: Readonly<Record<keyof Sides, string>>, seconds: number): Promise<void> {
  const rows: string[][] = [];
  for (const name of sideNames) {
    const { url, call, list } = sides[name];
    const alone = { connections: 1, seconds };
    const calls = await load(url, call, alone);
    const lists = await load(url, list, alone);
    rows.push([names[name], ...[calls, lists].map(({ latencies }) => rounded(median(latencies), 2))]);
  }
  printTable("One request at a time, p50 in ms", ["", "tools/call", "tools/list"], rows);
}

function toBare(url: string): Side {
  return { url, call: [callRequest(bareTool, exampleTask.id)], list: [listRequest()] };
}

async function countTools({ url, list }: Side): Promise<number> {
  const agent = new Agent();
  const [request] = list as [McpRequest];
  const { tools } = (await send(url, request, agent)) as { readonly tools: readonly unknown[] };
  agent.destroy();
  return tools.length;
}

/** Tasks that are over: to tell why one waits, agents are looked at, too. */
async function endTasks({ rest, apiKey }: Pick<Fleet, "rest" | "apiKey">): Promise<readonly string[]> {
  const headers = { authorization: `Bearer ${apiKey}`, "content-type": "application/json" };
  const post = async (path: string, body: object): Promise<{ readonly id: string }> => {
    const response = await fetch(`${rest.url}/api/v1/${path}`, { method: "POST", headers, body: JSON.stringify(body) });
    return ((await response.json()) as { readonly data: { readonly id: string } }).data;
  };
  const ended = Array.from({ length: taskCount }, async () => {
    const { id } = await post("tasks", { type: exampleTask.type, input: exampleTask.input });
    await post(`tasks/${id}/cancel`, {});
    return id;
  });
  return Promise.all(ended);
}
