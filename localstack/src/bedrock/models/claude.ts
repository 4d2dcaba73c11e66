import { z } from "zod";
import { countTokens } from "../count-tokens.ts";
import { parseBody } from "../parse-body.ts";
import type { CacheUse, PromptCache } from "../prompt-cache.ts";
import { refusal } from "../refusal.ts";
import { writeAnswer } from "./write-answer.ts";

/** A model that writes. */
interface ClaudeModel {
  /** A newer model is called by a profile alone: `us.`, `eu.`, `apac.`, `global.` before its id. */
  readonly needsProfile: boolean;
  /** Of a prefix that is kept in the prompt cache; undefined where the model has none. */
  readonly minCachedTokens: number | undefined;
}

/** By id. @see https://docs.aws.amazon.com/bedrock/latest/userguide/prompt-caching.html */
const claudeModels: ReadonlyMap<string, ClaudeModel> = new Map([
  ["anthropic.claude-3-haiku-20240307-v1:0", { needsProfile: false, minCachedTokens: undefined }],
  ["anthropic.claude-3-5-haiku-20241022-v1:0", { needsProfile: true, minCachedTokens: 2_048 }],
  ["anthropic.claude-3-7-sonnet-20250219-v1:0", { needsProfile: true, minCachedTokens: 1_024 }],
  ["anthropic.claude-sonnet-4-20250514-v1:0", { needsProfile: true, minCachedTokens: 1_024 }],
  ["anthropic.claude-sonnet-4-5-20250929-v1:0", { needsProfile: true, minCachedTokens: 1_024 }],
  ["anthropic.claude-haiku-4-5-20251001-v1:0", { needsProfile: true, minCachedTokens: 4_096 }],
]);

const maxInputTokens = 200_000;
const maxCachePoints = 4;
const profilePattern = /^(us|eu|apac|jp|au|global)\./;

const text = z.strictObject({ text: z.string().min(1, "The text field in the ContentBlock object is blank") });
const cachePoint = z.strictObject({
  cachePoint: z.strictObject({ type: z.literal("default"), ttl: z.enum(["5m", "1h"]).optional() }),
});
const block = z.union([text, cachePoint]);
type Block = z.infer<typeof block>;

const schema = z.strictObject({
  system: z.array(block).optional(),
  messages: z.array(z.strictObject({ role: z.enum(["user", "assistant"]), content: z.array(block).min(1) })).min(1),
  inferenceConfig: z
    .strictObject({
      maxTokens: z.number().int().min(1).max(64_000).optional(),
      temperature: z.number().min(0).max(1).optional(),
      topP: z.number().min(0).max(1).optional(),
      stopSequences: z.array(z.string().min(1)).max(4).optional(),
    })
    .optional(),
});

/** Where a model is asked for, and what it remembers. */
export interface ConverseOptions {
  readonly region: string;
  readonly cache: PromptCache;
}

/** What a prefix must have to be kept; no model of this name has one that long. */
export function minCachedTokensOf(modelId: string): number {
  return claudeModels.get(modelId.replace(profilePattern, ""))?.minCachedTokens ?? Number.POSITIVE_INFINITY;
}

/** True for a model that writes, by id or profile. */
export function isClaude(modelId: string): boolean {
  return claudeModels.has(modelId.replace(profilePattern, ""));
}

/** Answers a Converse. @throws AppError with the refusal of AWS. */
export function converse(
  modelId: string,
  body: unknown,
  { region, cache }: ConverseOptions,
): { readonly body: unknown; readonly tokens: number } {
  assertCallable(modelId, region);
  const request = parseBody(schema, body);
  const blocks: readonly Block[] = [...(request.system ?? []), ...request.messages.flatMap(({ content }) => content)];
  const prefixes = toPrefixes(modelId, blocks);
  const texts = blocks.flatMap((one) => ("text" in one ? [one.text] : []));
  const allTokens = texts.reduce((sum, one) => sum + countTokens(one), 0);
  if (allTokens > maxInputTokens) throw refusal("ValidationException", "Input is too long for requested model.");
  const use = cache.use(modelId, prefixes);
  const prompt = texts.at(-1) ?? "";
  const marked = blocks.findLastIndex((one) => "cachePoint" in one);
  const before = blocks[marked - 1];
  const document = before !== undefined && "text" in before ? before.text : prompt;
  const answer = writeAnswer({ document, prompt, maxTokens: request.inferenceConfig?.maxTokens ?? 4_096 });
  return { body: toAnswer(answer, allTokens, use), tokens: allTokens };
}

function assertCallable(modelId: string, region: string): void {
  const model = claudeModels.get(modelId.replace(profilePattern, ""));
  if (model === undefined) throw refusal("ValidationException", "The provided model identifier is invalid.");
  const profile = profilePattern.exec(modelId)?.[1];
  if (profile === undefined && model.needsProfile) {
    throw refusal(
      "ValidationException",
      `Invocation of model ID ${modelId} with on-demand throughput isn’t supported. Retry your request with the ID or ARN of an inference profile that contains this model.`,
    );
  }
  const isElsewhere = (profile === "us" || profile === "eu") && !region.startsWith(`${profile}-`);
  if (isElsewhere) throw refusal("ValidationException", "The provided model identifier is invalid.");
}

/** All up to each mark. */
function toPrefixes(modelId: string, blocks: readonly Block[]): { readonly text: string; readonly tokens: number }[] {
  const prefixes: { readonly text: string; readonly tokens: number }[] = [];
  let prefix = "";
  let tokens = 0;
  for (const one of blocks) {
    if ("text" in one) {
      prefix += `${one.text}\n`;
      tokens += countTokens(one.text);
    } else {
      prefixes.push({ text: prefix, tokens });
    }
  }
  if (prefixes.length > maxCachePoints)
    throw refusal("ValidationException", `A maximum of ${maxCachePoints} cache points is allowed.`);
  if (prefixes.length > 0 && !Number.isFinite(minCachedTokensOf(modelId))) {
    throw refusal(
      "AccessDeniedException",
      "You invoked an unsupported model or your request did not allow prompt caching.",
    );
  }
  return prefixes;
}

/** Tokens of the cache are not among `inputTokens`, and are in the total. */
function toAnswer(
  { text: written, isCut }: { readonly text: string; readonly isCut: boolean },
  allTokens: number,
  { readTokens, writeTokens }: CacheUse,
): unknown {
  const outputTokens = countTokens(written);
  return {
    metrics: { latencyMs: 1 },
    output: { message: { role: "assistant", content: [{ text: written }] } },
    stopReason: isCut ? "max_tokens" : "end_turn",
    usage: {
      inputTokens: allTokens - readTokens - writeTokens,
      outputTokens,
      totalTokens: allTokens + outputTokens,
      cacheReadInputTokens: readTokens,
      cacheWriteInputTokens: writeTokens,
    },
  };
}
