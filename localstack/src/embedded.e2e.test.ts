import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type BedrockStandIn, startBedrockStandIn } from "./bedrock/bedrock-stand-in.ts";
import { type EmbeddedMesh, runEmbedded } from "./embedded.ts";

const titan = "amazon.titan-embed-text-v2:0";
const haiku = "global.anthropic.claude-haiku-5-5";
const ports = ["DEVMESH_REST_PORT", "DEVMESH_MCP_PORT", "DEVMESH_WORKER_PORT", "DEVMESH_AWS_PORT"];

interface Answer {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: tests read whatever shape they expect, and fail where it is another
  readonly data?: any;
}

let standIn: BedrockStandIn;
let home: string;
beforeAll(async () => {
  standIn = await startBedrockStandIn({ port: 0 });
  home = await mkdtemp(join(tmpdir(), "devmesh-bedrock-"));
});
afterAll(async () => {
  await standIn[Symbol.asyncDispose]();
  await rm(home, { recursive: true, force: true });
});

async function ask({ restUrl, apiKey }: EmbeddedMesh, method: string, path: string, body?: unknown): Promise<Answer> {
  const response = await fetch(`${restUrl}/api/v1${path}`, {
    method,
    headers: { authorization: `Bearer ${apiKey}`, "content-type": "application/json" },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  return { status: response.status, ...((await response.json()) as object) };
}

/** Parts of a handbook, each under a heading, together longer than what Claude's prompt cache keeps at least. */
const content = Array.from({ length: 40 }, (_, at) => {
  const steps = Array.from(
    { length: 12 },
    (_, step) => `Step ${step} of part ${at} takes the cover off and cleans it.`,
  );
  return `## Part ${at}\n\n${steps.join(" ")}`;
}).join("\n\n");

it("npm start's stack embeds by Bedrock, with contexts by Claude, though some calls go wrong", async () => {
  const env = { ...Object.fromEntries(ports.map((name) => [name, "0"])), DEVMESH_BEDROCK_ENDPOINT: standIn.endpoint };
  standIn.faults.add({ kind: "throttle", modelId: titan, times: 2 });
  standIn.faults.add({ kind: "cut", modelId: haiku, times: 1 });
  const work = async (mesh: EmbeddedMesh): Promise<void> => {
    expect(mesh.models).toMatchObject({ provider: "bedrock", endpoint: standIn.endpoint });
    const collection = { name: "handbook", model: titan, dimensions: 256, context: "claude" };
    expect(await ask(mesh, "POST", "/collections", collection)).toMatchObject({ status: 201 });
    const documents = [{ externalId: "handbook", content: `# The machine's handbook\n\n${content}` }];
    await ask(mesh, "POST", "/collections/handbook/documents", { documents });
    const { data } = await ask(mesh, "GET", "/collections/handbook/wait?timeoutMs=30000");
    expect(data.counts).toMatchObject({ documents: 1, pending: 0, failed: 0 });
    const search = { collections: ["handbook"], query: "cleaning the cover of part 17", mode: "vector", limit: 1 };
    const found = await ask(mesh, "POST", "/search", search);
    expect(found.data.hits[0].context).toContain("handbook");
    const { data: usage } = await ask(mesh, "GET", "/usage?groupBy=model");
    for (const model of [titan, haiku]) {
      expect(usage.find((one: { model?: string }) => one.model === model).costMicroUsd).toBeGreaterThan(0);
    }
  };
  await runEmbedded({ home, env, work }, new AbortController().signal);
  expect(standIn.calls.of(titan)).toMatchObject({ faulted: 2, refused: 0 });
  expect(standIn.calls.of(haiku)).toMatchObject({ faulted: 1, refused: 0 });
});
