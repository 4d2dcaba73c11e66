import { execFile } from "node:child_process";
import { once } from "node:events";
import { access, mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { findFreePort, type ServiceProcess, startProcess, waitFor } from "@devmesh/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

interface LocalMesh {
  readonly restUrl: string;
  readonly wsUrl: string;
  readonly mcpUrl: string;
  readonly apiKey: string;
  readonly pid: number;
}

interface TaskView {
  readonly id: string;
  readonly state: string;
}

type Ports = Readonly<Record<string, string>>;

const main = fileURLToPath(new URL("../localstack/src/main.ts", import.meta.url));
const root = fileURLToPath(new URL("..", import.meta.url));
const startMs = 120_000;
/** Far below what it is given before it is killed. */
const stopMs = 20_000;
let home: string;
let ports: Ports;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "devmesh-start-"));
  ports = await findPorts();
});

afterAll(async () => {
  await rm(home, { recursive: true, force: true });
});

async function findPorts(): Promise<Ports> {
  const names = ["DEVMESH_REST_PORT", "DEVMESH_MCP_PORT", "DEVMESH_WORKER_PORT", "DEVMESH_AWS_PORT"];
  const found = await Promise.all(names.map(async (name) => [name, String(await findFreePort())] as const));
  return Object.fromEntries(found);
}

function start(args: readonly string[], env: Ports = ports): Promise<ServiceProcess> {
  const flags = ["--conditions=devmesh-source", "--disable-warning=ExperimentalWarning"];
  // whoever runs this may have credentials of AWS: nothing here is worth their money
  return startProcess(process.execPath, [...flags, main, ...args], {
    cwd: root,
    env: { DEVMESH_EMBEDDINGS: "local", ...env },
  });
}

async function startReady(args: readonly string[]): Promise<{ mesh: ServiceProcess; local: LocalMesh }> {
  const mesh = await start(["--home", home, ...args]);
  await mesh.waitForLine(/Devmesh is ready/, startMs);
  return { mesh, local: JSON.parse(await readFile(join(home, "local.json"), "utf8")) as LocalMesh };
}

async function call<T>({ restUrl, apiKey }: LocalMesh, path: string, body?: unknown): Promise<T> {
  const response = await fetch(`${restUrl}/api/v1${path}`, {
    method: body === undefined ? "GET" : "POST",
    headers: { authorization: `Bearer ${apiKey}`, "content-type": "application/json" },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  expect(response.ok, `${path} answers ${response.status}`).toBe(true);
  return ((await response.json()) as { readonly data: T }).data;
}

function submit(local: LocalMesh): Promise<TaskView> {
  const text = "Lanes hold queued tasks. Queued tasks wait in lanes until agents come free.";
  return call(local, "/tasks", { type: "text.keywords", input: { text, limit: 2 } });
}

/** Runs the commands under "Search by curl" of the README as they stand there; the last one prints the search's answer. */
async function expectSearchExample(local: LocalMesh): Promise<void> {
  const readme = await readFile(join(root, "README.md"), "utf8");
  const [, script] = /^## Search by curl$[\s\S]*?^```sh$([\s\S]*?)^```$/m.exec(readme) ?? [];
  if (script === undefined) throw new Error("the README has no example of search");
  const env = {
    PATH: `${dirname(process.execPath)}:${process.env["PATH"]}`,
    KEY: local.apiKey,
    API: `${local.restUrl}/api/v1`,
  };
  const { stdout } = await promisify(execFile)("sh", ["-ec", script], { cwd: root, env, maxBuffer: 16 * 1_048_576 });
  const [answer] = stdout.match(/\{"data":\{"hits":[\s\S]*$/) ?? [];
  expect(answer, stdout.slice(0, 2_000)).toBeDefined();
  const { data, meta } = JSON.parse(answer ?? "") as SearchAnswer;
  expect(meta).toMatchObject({ mode: "hybrid" });
  expect(meta).not.toHaveProperty("degraded");
  expect(data.hits[0]).toMatchObject({
    externalId: "docs/architecture.md",
    position: { heading: expect.stringContaining("When something is away") },
    ranks: { vector: { rank: expect.any(Number) }, text: { rank: expect.any(Number) } },
  });
  for (const [query, page] of otherQuestions) {
    const found = await call<SearchAnswer["data"]>(local, "/search", { collections: ["docs"], query });
    expect(found.hits[0]?.externalId, query).toBe(page);
  }
}

interface SearchAnswer {
  readonly data: { readonly hits: readonly { readonly externalId: string }[] };
  readonly meta: { readonly mode: string };
}

const otherQuestions = [
  ["why are statements written as raw SQL?", "docs/decisions/001-raw-sql.md"],
  ["which environment variables are there?", "docs/operations.md"],
  ["why do queued tasks share a lane?", "docs/decisions/007-lanes.md"],
] as const;

async function readChildren(pid: number): Promise<readonly number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, "utf8");
  return text.trim().split(/\s+/).filter(Boolean).map(Number);
}

/** The names of the tools that an MCP client is offered. */
async function listTools({ mcpUrl, apiKey }: LocalMesh): Promise<readonly string[]> {
  const _meta = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
    "io.modelcontextprotocol/clientInfo": { name: "test", version: "1" },
  };
  const response = await fetch(mcpUrl, {
    method: "POST",
    headers: {
      authorization: `Bearer ${apiKey}`,
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
      "mcp-protocol-version": "2026-07-28",
      "mcp-method": "tools/list",
    },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/list", params: { _meta } }),
  });
  const { result } = (await response.json()) as { readonly result: { readonly tools: readonly { name: string }[] } };
  return result.tools.map(({ name }) => name);
}

async function areGone(pids: readonly number[]): Promise<boolean> {
  const gone = await Promise.all(
    pids.map((pid) =>
      access(`/proc/${pid}`).then(
        () => false,
        () => true,
      ),
    ),
  );
  return gone.every(Boolean);
}

describe("npm start", () => {
  it("shows the demo, keeps tasks over a stop and a kill, and takes its agents along", async () => {
    const first = await startReady([]);
    await using _first = first.mesh;
    await first.mesh.waitForLine(/Demo done/, startMs);
    expect(first.mesh.output()).toMatch(/code\.metrics +packages\/tasks\/src\/engine\.ts — completed/);
    const { local } = first;
    expect(local).toEqual({
      restUrl: `http://127.0.0.1:${ports["DEVMESH_REST_PORT"]}`,
      wsUrl: `ws://127.0.0.1:${ports["DEVMESH_MCP_PORT"]}/ws`,
      mcpUrl: `http://127.0.0.1:${ports["DEVMESH_MCP_PORT"]}/mcp`,
      apiKey: expect.stringMatching(/^dm_pat_/),
      pid: first.mesh.pid,
    });
    expect(first.mesh.output()).toContain(`claude mcp add --transport http devmesh ${local.mcpUrl}`);
    expect(await listTools(local)).toContain("task_claim");
    expect((await stat(join(home, "local.json"))).mode & 0o777).toBe(0o600);
    const submitted = await submit(local);
    const done = await call(local, `/tasks/${submitted.id}/wait?timeoutMs=20000`);
    expect(done).toMatchObject({ state: "completed", output: { keywords: [{}, {}] } });
    const agents = await readChildren(first.mesh.pid);
    expect(agents).toHaveLength(3);
    const stoppedAt = performance.now();
    // A terminal and npm deliver it twice.
    process.kill(first.mesh.pid, "SIGINT");
    expect(await first.mesh.stop({ signal: "SIGINT" })).toEqual({ code: 0, signal: null });
    expect(performance.now() - stoppedAt).toBeLessThan(stopMs);
    expect(await areGone(agents)).toBe(true);
    await expect(access(join(home, "local.json"))).rejects.toMatchObject({ code: "ENOENT" });

    const second = await startReady([]);
    await using _second = second.mesh;
    expect(second.local.apiKey).toBe(local.apiKey);
    expect(await call(second.local, `/tasks/${submitted.id}`)).toMatchObject({ state: "completed" });
    await second.mesh.waitForLine(/Demo done/, startMs);
    const orphans = await readChildren(second.mesh.pid);
    expect(orphans).toHaveLength(3);
    const late = await submit(second.local);
    await second.mesh.kill();
    await waitFor(() => areGone(orphans), { what: "the end of the agents" });

    const third = await startReady([]);
    await using _third = third.mesh;
    expect(await call(third.local, `/tasks/${late.id}/wait?timeoutMs=60000`)).toMatchObject({ state: "completed" });
    await expectSearchExample(third.local);
    expect(await third.mesh.stop({ signal: "SIGTERM" })).toEqual({ code: 0, signal: null });
  }, 240_000);

  it("says in one line which process has the folder", async () => {
    const { mesh } = await startReady(["--no-demo"]);
    await using _mesh = mesh;
    await using other = await start(["--no-demo", "--home", home], await findPorts());
    expect(await other.exited).toEqual({ code: 1, signal: null });
    expect(other.output()).toBe(`devmesh: ${home} is in use by process ${mesh.pid}\n`);
    expect(await mesh.stop({ signal: "SIGINT" })).toEqual({ code: 0, signal: null });
  });

  it.each(["DEVMESH_REST_PORT", "DEVMESH_MCP_PORT", "DEVMESH_WORKER_PORT", "DEVMESH_AWS_PORT"])(
    "says in one line that %s names a taken port",
    async (name) => {
      const server = createServer().listen(0, "127.0.0.1");
      await once(server, "listening");
      const address = server.address();
      const port = typeof address === "object" ? (address?.port ?? 0) : 0;
      await using mesh = await start(["--home", home], { ...ports, [name]: String(port) });
      expect(await mesh.exited).toEqual({ code: 1, signal: null });
      expect(mesh.output()).toBe(`devmesh: port ${port} is in use: set ${name} to another port\n`);
      server.close();
    },
  );

  it("lists all problems of the environment in one line", async () => {
    await using mesh = await start(["--home", home], { ...ports, DEVMESH_LEASE_MS: "soon", DEVMESH_ACCEPT_MS: "0" });
    expect(await mesh.exited).toEqual({ code: 1, signal: null });
    expect(mesh.output()).toMatch(/^devmesh: environment: .*DEVMESH_LEASE_MS.*DEVMESH_ACCEPT_MS.*\n$/);
  });

  it("refuses an unknown option with code 2, and explains itself", async () => {
    await using wrong = await start(["--verbose"]);
    expect(await wrong.exited).toEqual({ code: 2, signal: null });
    expect(wrong.output()).toMatch(/^devmesh: .*--verbose.*\n$/);
    await using help = await start(["--help"]);
    expect(await help.exited).toEqual({ code: 0, signal: null });
    expect(help.output()).toContain("--home DIR");
  });
});
