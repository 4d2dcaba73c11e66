import { type BedrockTransport, openBedrock } from "@devmesh/adapters";
import { AppError } from "@devmesh/models";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type BedrockStandIn, startBedrockStandIn } from "./bedrock-stand-in.ts";

let standIn: BedrockStandIn;
let bedrock: ReturnType<typeof openBedrock>;
let transport: BedrockTransport;

beforeAll(async () => {
  standIn = await startBedrockStandIn({ port: 0 });
  bedrock = openBedrock({ regions: ["us-east-1", "eu-west-1"], endpoint: standIn.endpoint });
  const [first] = bedrock.transports;
  if (first === undefined) throw new Error("there is no transport");
  transport = first;
});
afterAll(async () => {
  await bedrock[Symbol.asyncDispose]();
  await standIn[Symbol.asyncDispose]();
});
beforeEach(() => {
  standIn.faults.clear();
  standIn.calls.reset();
});

const { signal } = new AbortController();
const invoke = (model: string, body: unknown) => transport.invoke(model, body, { signal });

async function refusalOf(call: Promise<unknown>): Promise<AppError> {
  const error = await call.then(
    () => undefined,
    (caught: unknown) => caught,
  );
  if (error instanceof AppError) return error;
  throw new Error("nothing was refused");
}

const titan = "amazon.titan-embed-text-v2:0";
const nova = "amazon.nova-2-multimodal-embeddings-v1:0";
const sentence = "agents pull tasks from lanes";
const near = "agents pull their tasks out of lanes";
const far = "the cheese of this valley ripens for nine months";

const toNova = (value: string, embeddingDimension?: number) => ({
  taskType: "SINGLE_EMBEDDING",
  singleEmbeddingParams: {
    embeddingPurpose: "GENERIC_INDEX",
    embeddingDimension,
    text: { truncationMode: "END", value },
  },
});
const toCohere = (texts: string[], more: object = {}) => ({ texts, input_type: "search_document", ...more });

function vectorsOf(body: unknown): number[][] {
  const { embedding, embeddings } = body as { embedding?: number[]; embeddings?: unknown };
  if (embedding !== undefined) return [embedding];
  if (!Array.isArray(embeddings)) return (embeddings as { float: number[][] }).float;
  return embeddings.map((one: unknown) => (Array.isArray(one) ? one : (one as { embedding: number[] }).embedding));
}

const dot = (one: readonly number[] = [], other: readonly number[] = []): number =>
  one.reduce((sum, value, at) => sum + value * (other[at] ?? 0), 0);
const cosine = (one: readonly number[] = [], other: readonly number[] = []): number =>
  dot(one, other) / Math.sqrt(dot(one, one) * dot(other, other));

describe("InvokeModel over HTTP/2", () => {
  it.each([
    [titan, (text: string) => ({ inputText: text }), 1024, 1],
    [titan, (text: string) => ({ inputText: text, dimensions: 256, normalize: true }), 256, 1],
    [titan, (text: string) => ({ inputText: text, dimensions: 512, normalize: false }), 512, 3],
    ["amazon.titan-embed-text-v1", (text: string) => ({ inputText: text }), 1536, 12.5],
    ["cohere.embed-english-v3", (text: string) => toCohere([text]), 1024, 1],
    ["cohere.embed-multilingual-v3", (text: string) => toCohere([text], { embedding_types: ["float"] }), 1024, 1],
    ["cohere.embed-v4:0", (text: string) => toCohere([text]), 1536, 1],
    ["cohere.embed-v4:0", (text: string) => toCohere([text], { output_dimension: 256 }), 256, 1],
    [nova, (text: string) => toNova(text), 3072, 1],
    [nova, (text: string) => toNova(text, 384), 384, 1],
  ])(
    "has %s give vectors in its own form, near for texts that are alike",
    async (model, toBody, dimensions, length) => {
      const answers = await Promise.all([sentence, sentence, near, far].map((text) => invoke(model, toBody(text))));
      const [one, again, alike, other] = answers.flatMap(({ body }) => vectorsOf(body));
      expect(one).toHaveLength(dimensions);
      expect(again).toEqual(one);
      expect(Math.sqrt(dot(one, one))).toBeCloseTo(length, 4);
      expect(cosine(one, alike)).toBeGreaterThan(0.5);
      expect(cosine(one, other)).toBeLessThan(0.25);
      expect(answers[0]?.inputTokens).toBe(5);
      expect(standIn.calls.of(model)).toMatchObject({ calls: 4, answered: 4, refused: 0, texts: 4, inFlight: 0 });
    },
  );

  it("gives unrelated vectors for the same text by different models, and one a text in order", async () => {
    const [english, other] = await Promise.all(
      ["cohere.embed-english-v3", "cohere.embed-multilingual-v3"].map((model) =>
        invoke(model, toCohere([far, sentence])),
      ),
    );
    const [ofFar, ofSentence] = vectorsOf(english?.body);
    expect(cosine(ofSentence, vectorsOf(other?.body)[1])).toBeLessThan(0.2);
    expect(vectorsOf((await invoke("cohere.embed-english-v3", toCohere([far]))).body)[0]).toEqual(ofFar);
  });

  it.each([
    [titan, { inputText: "" }, "minLength: 1"],
    [titan, { inputText: "x", colour: "red" }, "extraneous key [colour]"],
    [titan, { inputText: "x", dimensions: 1536 }, "#/dimensions"],
    [titan, { inputText: "a ".repeat(8_193) }, "Max input tokens: 8192, request input token count: 8193"],
    [titan, { inputText: "x".repeat(50_001) }, "maxLength: 50000"],
    [titan, toCohere(["x"]), "#/inputText"],
    ["amazon.titan-embed-text-v1", { inputText: "x", dimensions: 1536 }, "extraneous key [dimensions]"],
    ["cohere.embed-english-v3", toCohere([]), "minimum item count"],
    ["cohere.embed-english-v3", toCohere(Array.from({ length: 97 }, () => "x")), "maximum item count: 96"],
    ["cohere.embed-english-v3", toCohere(["ok", "x".repeat(2_049)]), "#/texts/1: expected maxLength: 2048"],
    ["cohere.embed-english-v3", toCohere(["a ".repeat(600)]), "cannot exceed 512 - received 600 (texts[0])"],
    ["cohere.embed-english-v3", toCohere(["x"], { output_dimension: 256 }), "extraneous key [output_dimension]"],
    ["cohere.embed-english-v3", { texts: ["x"] }, "#/input_type"],
    ["cohere.embed-v4:0", toCohere(["x"], { output_dimension: 384 }), "#/output_dimension"],
    ["cohere.embed-v4:0", toCohere(["x"], { truncate: "END" }), "#/truncate"],
    ["cohere.embed-v4:0", { input_type: "search_query" }, "exactly one of"],
    [nova, toNova("x", 512), "#/singleEmbeddingParams/embeddingDimension"],
    [nova, { ...toNova("x"), inputText: "x" }, "extraneous key [inputText]"],
    ["anthropic.claude-3-haiku-20240307-v1:0", {}, "by Converse alone"],
  ])("refuses what %s doesn't take: %#", async (model, body, words) => {
    const error = await refusalOf(invoke(model, body));
    expect(error).toMatchObject({ code: "invalid_argument", reason: "model_refused" });
    expect(error.message).toContain(words);
    expect(standIn.calls.of(model)).toMatchObject({ calls: 1, answered: 0, refused: 1 });
  });

  it("lets Cohere cut what is too long where it is told to", async () => {
    const { body } = await invoke("cohere.embed-english-v3", toCohere(["a ".repeat(600)], { truncate: "END" }));
    expect(vectorsOf(body)).toHaveLength(1);
  });

  it("has no model of another name", async () => {
    expect(await refusalOf(invoke("amazon.titan-embed-text-v9:0", {}))).toMatchObject({
      code: "not_found",
      reason: "model_not_found",
    });
  });
});

describe("Converse over HTTP/2", () => {
  const haiku = "us.anthropic.claude-haiku-4-5-20251001-v1:0";
  const filler = Array.from({ length: 700 }, (_, at) => `Line ${at} speaks of lanes and tasks.`).join("\n");
  const document = `# How lanes work\n\nA lane holds queued tasks that are alike. The cheese is in the cellar.\n${filler}`;
  const request = { modelId: haiku, system: "Write a context.", cachedText: document, maxTokens: 100 };
  const converse = (more: object) =>
    transport.converse({ ...request, prompt: "Which lane holds the tasks?", ...more }, { signal });

  it("writes out of the document, and reads it from its cache the second time", async () => {
    const first = await converse({});
    expect(first.text).toContain("How lanes work");
    expect(first.text).toContain("A lane holds queued tasks");
    expect(first.cacheWriteTokens).toBeGreaterThan(4_096);
    expect(first).toMatchObject({ cacheReadTokens: 0, inputTokens: 6 });
    const second = await converse({ prompt: "Where is the cheese?" });
    expect(second).toMatchObject({ cacheReadTokens: first.cacheWriteTokens, cacheWriteTokens: 0, inputTokens: 5 });
    expect(second.outputTokens).toBeGreaterThan(0);
    const third = await converse({ cachedText: `${document} And more.` });
    expect(third).toMatchObject({ cacheReadTokens: 0, cacheWriteTokens: first.cacheWriteTokens + 3 });
  });

  it("doesn't cache what is short, and needs no document", async () => {
    const cachedText = "# Short\n\nToo short to be kept.";
    for (let count = 0; count < 2; count++) {
      const answer = await converse({ cachedText });
      expect(answer).toMatchObject({ cacheReadTokens: 0, cacheWriteTokens: 0 });
      expect(answer.inputTokens).toBeGreaterThan(10);
    }
    expect((await converse({ cachedText: undefined })).text).toContain("Which lane");
  });

  it("keeps to the tokens that it may write", async () => {
    const { outputTokens } = await converse({ maxTokens: 5 });
    expect(outputTokens).toBeLessThanOrEqual(5);
  });

  it.each([
    [{ prompt: "" }, "blank"],
    [{ maxTokens: 0 }, "maxTokens"],
    [{ modelId: "anthropic.claude-haiku-4-5-20251001-v1:0" }, "on-demand throughput"],
    [{ modelId: "eu.anthropic.claude-haiku-4-5-20251001-v1:0" }, "model identifier is invalid"],
    [{ modelId: "us.anthropic.claude-9" }, "model identifier is invalid"],
    [{ modelId: titan }, "doesn't support the model"],
    [{ cachedText: "a ".repeat(200_001) }, "too long"],
  ])("refuses %#", async (more, words) => {
    const error = await refusalOf(converse(more));
    expect(error.code).toBe("invalid_argument");
    expect(error.message).toContain(words);
  });

  it.each([
    "global.anthropic.claude-haiku-5-5",
    "eu.anthropic.claude-sonnet-5-5",
    "global.anthropic.claude-sonnet-4-5-20250929-v1:0",
  ])("has %s write without thinking, which few tokens would not be enough for", async (modelId) => {
    const [, europe] = bedrock.transports;
    const answer = await europe?.converse({ ...request, modelId, prompt: "Which lane?", maxTokens: 20 }, { signal });
    expect(answer?.text).toContain("How lanes work");
    expect(answer?.outputTokens).toBeLessThanOrEqual(20);
  });

  it("refuses a mark for a cache that a model doesn't have", async () => {
    const modelId = "anthropic.claude-3-haiku-20240307-v1:0";
    expect(await refusalOf(converse({ modelId }))).toMatchObject({ code: "permission_denied" });
    expect((await converse({ modelId, cachedText: undefined })).text).not.toBe("");
  });
});
