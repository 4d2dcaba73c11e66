import { type Bedrock, openBedrock } from "@devmesh/adapters";
import { type ClaudeDeps, summarize, writeContexts } from "@devmesh/embedding";
import type { ModelUsage, TenantId } from "@devmesh/models";
import { sleep } from "@devmesh/runtime";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type BedrockStandIn, startBedrockStandIn } from "./bedrock-stand-in.ts";

const tenantId = "018f0000-0000-7000-8000-000000000001" as TenantId;
const { signal } = new AbortController();
const haiku = "global.anthropic.claude-haiku-5-5";

let standIn: BedrockStandIn;
let bedrock: Bedrock;
let spent: ModelUsage[] = [];

beforeAll(async () => {
  standIn = await startBedrockStandIn({ port: 0 });
  bedrock = openBedrock({ regions: ["eu-central-1", "us-east-1"], endpoint: standIn.endpoint });
});
afterAll(async () => {
  await bedrock[Symbol.asyncDispose]();
  await standIn[Symbol.asyncDispose]();
});
beforeEach(() => {
  standIn.faults.clear();
  standIn.calls.reset();
  spent = [];
});

function claude(): ClaudeDeps {
  return {
    transports: bedrock.transports,
    ledger: { assertRoom: async () => undefined, record: async (_tenant, _kind, usages) => void spent.push(...usages) },
    sleep,
    random: Math.random,
  };
}

/** Long enough for the prompt cache, each paragraph about something of its own. */
const paragraphs = Array.from(
  { length: 160 },
  (_, at) =>
    `Section ${at} describes how part ${at} of the machine is cleaned, oiled and put together again after use.`,
);
const document = `# The machine's handbook\n\n${paragraphs.join("\n\n")}`;
const chunks = [10, 60, 110].map((ordinal) => ({ ordinal, content: paragraphs[ordinal] ?? "" }));

describe("Claude over HTTP/2", () => {
  it("writes contexts of chunks, and reads the document from its cache after the first", async () => {
    const contexts = await writeContexts(claude(), { tenantId, document, chunks, signal });
    expect([...contexts.keys()]).toEqual([10, 60, 110]);
    for (const context of contexts.values()) expect(context).toContain("handbook");
    expect(standIn.calls.of(haiku)).toMatchObject({ calls: 3, answered: 3, refused: 0 });
    const [usage] = spent;
    expect(usage?.model).toBe(haiku);
    expect(usage?.outputTokens).toBeGreaterThan(0);
    const again = { tenantId, document: document.replace("handbook", "book"), chunks: chunks.slice(0, 1), signal };
    await writeContexts(claude(), again);
    // two of three calls read what the first wrote: all three cost less than two would that read nothing
    expect(usage?.costMicroUsd).toBeLessThan(2 * (spent[1]?.costMicroUsd ?? 0));
  });

  it("goes on after a throttle, an error and an answer that breaks off", async () => {
    for (const kind of ["throttle", "fail", "cut"] as const) standIn.faults.add({ kind, modelId: haiku, times: 1 });
    const contexts = await writeContexts(claude(), { tenantId, document, chunks: chunks.slice(0, 2), signal });
    expect(contexts.size).toBe(2);
    expect(standIn.calls.of(haiku)).toMatchObject({ faulted: 3, answered: 2 });
  });

  it("sums a text up", async () => {
    const summary = await summarize(claude(), { tenantId, text: document, maxCharacters: 400, signal });
    expect(summary).toContain("handbook");
    expect(summary.length).toBeLessThanOrEqual(400);
    expect(standIn.calls.of(haiku)).toMatchObject({ answered: 1, refused: 0 });
  });
});
