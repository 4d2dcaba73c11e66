import { type ContentBlock, ConverseCommand, type ConverseCommandOutput } from "@aws-sdk/client-bedrock-runtime";

/** A text that a model is asked to write. */
export interface ConverseRequest {
  readonly modelId: string;
  readonly system: string;
  /** Sent first and marked for the model's prompt cache: the same in many calls. */
  readonly cachedText: string | undefined;
  readonly prompt: string;
  readonly maxTokens: number;
}

/** What it wrote, nothing where it refuses to, and what that took. Tokens of the cache are not among `inputTokens`. */
export interface ConverseAnswer {
  readonly text: string;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly cacheReadTokens: number;
  readonly cacheWriteTokens: number;
}

/** Claude from version 4 on: some of them think where nothing is said; those before know no such field. */
const thinkingPattern = /anthropic\.claude-(haiku|sonnet|opus)-\d/;

/**
 * One message of the user. The cache holds all that comes before its mark, the system's text included. No temperature:
 * newer Claude models refuse it. No thinking, which would be paid for, and be taken from `maxTokens`.
 */
export function toConverseCommand(request: ConverseRequest): ConverseCommand {
  const { modelId, system, cachedText, prompt, maxTokens } = request;
  const cached: ContentBlock[] =
    cachedText === undefined ? [] : [{ text: cachedText }, { cachePoint: { type: "default" } }];
  return new ConverseCommand({
    modelId,
    system: [{ text: system }],
    messages: [{ role: "user", content: [...cached, { text: prompt }] }],
    inferenceConfig: { maxTokens },
    ...(thinkingPattern.test(modelId) && { additionalModelRequestFields: { thinking: { type: "disabled" } } }),
  });
}

/** Why a model stops that won't write this, however often it is asked. */
const refusals: ReadonlySet<string> = new Set(["content_filtered", "guardrail_intervened", "refusal"]);

/** Its text is empty where the model won't write this, or has nothing to say: that is paid for too, and is no failure. */
export function toConverseAnswer({ output, usage, stopReason = "end_turn" }: ConverseCommandOutput): ConverseAnswer {
  const blocks = refusals.has(stopReason) ? [] : (output?.message?.content ?? []);
  return {
    text: blocks.map((block) => block.text ?? "").join(""),
    inputTokens: usage?.inputTokens ?? 0,
    outputTokens: usage?.outputTokens ?? 0,
    cacheReadTokens: usage?.cacheReadInputTokens ?? 0,
    cacheWriteTokens: usage?.cacheWriteInputTokens ?? 0,
  };
}
