import type { ConverseCommandOutput } from "@aws-sdk/client-bedrock-runtime";
import { describe, expect, it } from "vitest";
import { toConverseAnswer, toConverseCommand } from "./converse.ts";

const model = "global.anthropic.claude-haiku-5-5";
const request = { modelId: model, system: "s", cachedText: "document", prompt: "p", maxTokens: 10 };

function outputOf(stopReason: ConverseCommandOutput["stopReason"], ...texts: string[]): ConverseCommandOutput {
  return {
    $metadata: {},
    output: { message: { role: "assistant", content: texts.map((text) => ({ text })) } },
    stopReason,
    usage: { inputTokens: 1, outputTokens: 2, totalTokens: 3 },
    metrics: { latencyMs: 1 },
  };
}

describe("toConverseCommand", () => {
  it("marks the cached text, and sends it first", () => {
    expect(toConverseCommand(request).input.messages).toEqual([
      { role: "user", content: [{ text: "document" }, { cachePoint: { type: "default" } }, { text: "p" }] },
    ]);
    expect(toConverseCommand({ ...request, cachedText: undefined }).input.messages).toEqual([
      { role: "user", content: [{ text: "p" }] },
    ]);
  });

  it.each([
    ["global.anthropic.claude-haiku-5-5", true],
    ["us.anthropic.claude-sonnet-4-5-20250929-v1:0", true],
    ["anthropic.claude-3-haiku-20240307-v1:0", false],
    ["us.anthropic.claude-3-7-sonnet-20250219-v1:0", false],
    ["amazon.nova-pro-v1:0", false],
  ])("tells %s not to think: %s", (modelId, isTold) => {
    const fields = toConverseCommand({ ...request, modelId }).input.additionalModelRequestFields;
    expect(fields).toEqual(isTold ? { thinking: { type: "disabled" } } : undefined);
  });
});

describe("toConverseAnswer", () => {
  it("joins what was written, and has no tokens of a cache where none are told", () => {
    expect(toConverseAnswer(outputOf("end_turn", "a ", "b"))).toEqual({
      text: "a b",
      inputTokens: 1,
      outputTokens: 2,
      cacheReadTokens: 0,
      cacheWriteTokens: 0,
    });
    expect(toConverseAnswer(outputOf("max_tokens", "a")).text).toBe("a");
  });

  it.each([
    ["content_filtered", ["half a"]],
    ["guardrail_intervened", ["Sorry."]],
    ["max_tokens", []],
    ["end_turn", [""]],
  ] as const)("is without text after %s with %j, and tells what it took", (stopReason, texts) => {
    expect(toConverseAnswer(outputOf(stopReason, ...texts))).toMatchObject({
      text: "",
      inputTokens: 1,
      outputTokens: 2,
    });
  });
});
