import { z } from "zod";
import { countTokens } from "../count-tokens.ts";
import { parseBody } from "../parse-body.ts";
import type { CacheUse, PromptCache } from "../prompt-cache.ts";
import { refusal } from "../refusal.ts";
import { type ClaudeModel, findClaude, minCachedTokensOf } from "./claude-models.ts";
import { writeAnswer } from "./write-answer.ts";

const maxInputTokens = 200_000;
const maxCachePoints = 4;
/** What a model thinks where nobody tells it not to, in tokens of its answer. */
const thoughtTokens = 200;

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
  additionalModelRequestFields: z
    .strictObject({ thinking: z.strictObject({ type: z.enum(["disabled", "adaptive"]) }).optional() })
    .optional(),
});
type Request = z.infer<typeof schema>;

/** Where a model is asked for, and what it remembers. */
export interface ConverseOptions {
  readonly region: string;
  readonly cache: PromptCache;
}

/** Answers a Converse. @throws AppError with the refusal of AWS. */
export function converse(
  modelId: string,
  body: unknown,
  { region, cache }: ConverseOptions,
): { readonly body: unknown; readonly tokens: number } {
  const model = findCallable(modelId, region);
  const request = parseBody(schema, body);
  assertTaken(model, request);
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
  const thought = thinks(model, request) ? thoughtTokens : 0;
  const maxTokens = (request.inferenceConfig?.maxTokens ?? 4_096) - thought;
  const answer = maxTokens > 0 ? writeAnswer({ document, prompt, maxTokens }) : { text: "", isCut: true };
  return { body: toAnswer({ ...answer, thought }, allTokens, use), tokens: allTokens };
}

function thinks({ thinking }: ClaudeModel, { additionalModelRequestFields: fields }: Request): boolean {
  if (fields?.thinking === undefined) return thinking === "by default";
  return fields.thinking.type === "adaptive";
}

function assertTaken(model: ClaudeModel, { inferenceConfig, additionalModelRequestFields: fields }: Request): void {
  if (model.thinking === "never" && fields?.thinking !== undefined) {
    throw refusal("ValidationException", "Malformed input request: #: extraneous key [thinking] is not permitted");
  }
  if (!model.takesTemperature && (inferenceConfig?.temperature ?? inferenceConfig?.topP) !== undefined) {
    throw refusal("ValidationException", "`temperature` is deprecated for this model.");
  }
}

function findCallable(modelId: string, region: string): ClaudeModel {
  const { model, profile } = findClaude(modelId);
  const isElsewhere = (profile === "us" || profile === "eu") && !region.startsWith(`${profile}-`);
  if (model === undefined || isElsewhere) {
    throw refusal("ValidationException", "The provided model identifier is invalid.");
  }
  if (profile !== undefined || !model.needsProfile) return model;
  throw refusal(
    "ValidationException",
    `Invocation of model ID ${modelId} with on-demand throughput isn’t supported. Retry your request with the ID or ARN of an inference profile that contains this model.`,
  );
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

/** Tokens of the cache are not among `inputTokens`, and are in the total; thoughts are paid for, and not shown. */
function toAnswer(
  answer: { readonly text: string; readonly isCut: boolean; readonly thought: number },
  allTokens: number,
  { readTokens, writeTokens }: CacheUse,
): unknown {
  const { text: written, isCut, thought } = answer;
  const outputTokens = countTokens(written) + thought;
  const thoughts = thought === 0 ? [] : [{ reasoningContent: { reasoningText: { text: "", signature: "stand-in" } } }];
  const texts = written === "" ? [] : [{ text: written }];
  return {
    metrics: { latencyMs: 1 },
    output: { message: { role: "assistant", content: [...thoughts, ...texts] } },
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
