import type { ModelUsage } from "@devmesh/models";
import type { ConverseAnswer } from "../ports/model-transport.ts";

/**
 * The Claude that writes where nothing else is configured: the smallest, by Bedrock's inference profile over all regions.
 * A sentence or two about a piece of text need no more.
 */
export const defaultClaudeModel = "global.anthropic.claude-haiku-5-5";

/** US dollars per million tokens, which is micro-dollars per token. */
interface Price {
  readonly input: number;
  readonly output: number;
  readonly cacheWrite: number;
  readonly cacheRead: number;
}

/**
 * Prices of 2026-11, with a cache of five minutes: platform.claude.com/docs/en/about-claude/pricing, which Bedrock's global
 * profiles follow. A later name must not be a part of an earlier one.
 */
const prices: readonly (readonly [name: string, price: Price])[] = [
  ["claude-haiku-5-5", { input: 0.1, output: 0.5, cacheWrite: 0.125, cacheRead: 0.01 }],
  ["claude-haiku-4-5", { input: 1, output: 5, cacheWrite: 1.25, cacheRead: 0.1 }],
  ["claude-sonnet-5-5", { input: 2, output: 10, cacheWrite: 2.5, cacheRead: 0.1 }],
  ["claude-opus-5-5", { input: 4, output: 20, cacheWrite: 5, cacheRead: 0.2 }],
];
/** What a model costs that is not in the table: more than any of them, so that no budget is passed unseen. */
const unknownPrice: Price = { input: 5, output: 25, cacheWrite: 6.25, cacheRead: 0.5 };

/** Haiku 5.5 costs five times as much for a prompt of more tokens than this, cache included. */
export const longPromptTokens = 100_000;
const longPromptFactor = 5;
/** Profiles of one region or continent cost a tenth more than those of all (same source). */
const regionalFactor = 1.1;

/** What one answer goes into the ledger as. Tokens from and into the cache count as input, at their own price. */
export function claudeUsage(model: string, answer: Omit<ConverseAnswer, "text">): ModelUsage {
  const { inputTokens, outputTokens, cacheReadTokens, cacheWriteTokens } = answer;
  const allInput = inputTokens + cacheReadTokens + cacheWriteTokens;
  const price = prices.find(([name]) => model.includes(name))?.[1] ?? unknownPrice;
  const cost =
    inputTokens * price.input +
    outputTokens * price.output +
    cacheReadTokens * price.cacheRead +
    cacheWriteTokens * price.cacheWrite;
  const isLong = model.includes("claude-haiku-5-5") && allInput > longPromptTokens;
  const factor = (isLong ? longPromptFactor : 1) * (model.startsWith("global.") ? 1 : regionalFactor);
  return { model, inputTokens: allInput, outputTokens, costMicroUsd: Math.ceil(roundedOff(cost * factor)) };
}

/** 0.1 × 3 is a little more than 0.3: that must not become a micro-dollar. */
function roundedOff(cost: number): number {
  return Math.round(cost * 1e6) / 1e6;
}
