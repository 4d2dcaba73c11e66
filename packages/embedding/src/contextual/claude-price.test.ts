import { expect, it } from "vitest";
import { claudeUsage } from "./claude-price.ts";

const tokens = { inputTokens: 1_000, outputTokens: 100, cacheReadTokens: 10_000, cacheWriteTokens: 0 };

it.each([
  // 1,000 × 0.1 + 100 × 0.5 + 10,000 × 0.01
  ["global.anthropic.claude-haiku-5-5", tokens, 250],
  ["us.anthropic.claude-haiku-5-5", tokens, 275],
  ["global.anthropic.claude-haiku-4-5-20251001-v1:0", tokens, 2_500],
  ["global.anthropic.claude-sonnet-5-5", tokens, 4_000],
  // not in the table: 1,000 × 5 + 100 × 25 + 10,000 × 0.5
  ["global.anthropic.claude-mythos-9", tokens, 12_500],
  // past 100,000 tokens of prompt: five times
  ["global.anthropic.claude-haiku-5-5", { ...tokens, cacheReadTokens: 100_000 }, 5_750],
])("charges %s by its price", (model, used, costMicroUsd) => {
  expect(claudeUsage(model, used)).toMatchObject({ model, costMicroUsd, outputTokens: 100 });
});
