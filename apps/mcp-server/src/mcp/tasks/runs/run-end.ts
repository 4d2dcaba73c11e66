import { AppError, assertStorableJson, maxTaskJsonBytes, toAppError, toStorable, utf8Bytes } from "@devmesh/models";
import type { Logger } from "@devmesh/observability";
import type { AgentWord } from "@devmesh/tasks";
import { type CallToolResult, ProtocolError } from "@modelcontextprotocol/server";
import { toFailedResult } from "../../tools/tool-result.ts";
import { writeJsonRpcFailure } from "../json-rpc-failure.ts";

/** How a run ended: `lost` where the task was not this node's any more, `left_waiting` where a person still has to answer. */
export type RunOutcome = "completed" | "tool_error" | "failed" | "given_back" | "left_waiting" | "lost";

/** What the ledger is told of a run's end, and how it is counted. */
export interface RunEnd {
  readonly word: AgentWord;
  readonly outcome: RunOutcome;
}

/** The end of what anybody may submit, whoever's agent it fits. */
export const noRun: RunEnd = {
  word: { kind: "fail", class: "permanent", message: "is no run of a tool", usage: undefined },
  outcome: "failed",
};

/** How long a run is left alone that a node did not know. Judgement. */
const unknownKindMs = 5_000;
/** Of what is said of a failure: as messages of agents have it. */
const maxMessage = 16_000;

/** While versions change, another node may know it: this was no try. */
export function unknownKind(name: string): RunEnd {
  const message = `the node knows no runs of kind ${name}`;
  const word = { kind: "fail", class: "rate_limited", message, retryAfterMs: unknownKindMs, usage: undefined } as const;
  return { word, outcome: "given_back" };
}

/** The end of a run that gave a result. One that the ledger can't keep is told as an error of the tool. */
export function toCompleted(result: CallToolResult): RunEnd {
  const output = toKept({ ...result });
  const word = { kind: "complete", output: JSON.stringify(output), artifacts: undefined, usage: undefined } as const;
  return { word, outcome: output.isError === true ? "tool_error" : "completed" };
}

function toKept(result: CallToolResult): CallToolResult {
  try {
    assertStorableJson(result);
    const bytes = utf8Bytes(JSON.stringify(result));
    if (bytes <= maxTaskJsonBytes) return result;
    return toToolError(`the result of ${bytes} bytes exceeds the limit of ${maxTaskJsonBytes}`);
  } catch (error) {
    return toToolError(toAppError(error).message);
  }
}

function toToolError(text: string): CallToolResult {
  return { content: [{ type: "text", text }], isError: true };
}

/** What a failure is judged by. */
export interface Circumstances {
  /** Aborts when the node ends. */
  readonly stopping: AbortSignal;
  /** Aborts when the caller's key has ended. */
  readonly caller: AbortSignal;
  readonly maxAttempts: number;
  readonly logger: Logger;
}

/** The end of a run that threw. What a tool refuses is a result, as it is in an answer; what is away may be there for another try. */
export function toFailed(error: unknown, { stopping, caller, maxAttempts, logger }: Circumstances): RunEnd {
  const fail = { kind: "fail", usage: undefined } as const;
  if (caller.aborted) {
    const { message } = toAppError(caller.reason);
    return { word: { ...fail, class: "permanent", message }, outcome: "failed" };
  }
  if (stopping.aborted && maxAttempts > 1) {
    // another node may carry it out: this was no try
    const word = { ...fail, class: "rate_limited", message: "the node ended", retryAfterMs: 0 } as const;
    return { word, outcome: "given_back" };
  }
  if (!stopping.aborted && error instanceof AppError && error.code === "unavailable") {
    return { word: { ...fail, class: "retryable", message: error.message }, outcome: "given_back" };
  }
  if (!stopping.aborted && error instanceof AppError && error.code !== "internal") {
    return toCompleted(toFailedResult(error));
  }
  if (!(error instanceof ProtocolError)) logger.warn({ err: error }, "a run of a tool failed");
  const words = stopping.aborted ? "the node that ran the tool has ended" : writeJsonRpcFailure(error);
  return { word: { ...fail, class: "permanent", message: toStorable(words.slice(0, maxMessage)) }, outcome: "failed" };
}
