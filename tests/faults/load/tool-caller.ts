import { setTimeout as delay } from "node:timers/promises";
import { sendModern } from "../../mcp/kit/modern-request.ts";

/** What a tool came to: its output, or why it refused. */
export type ToolAnswer<Output> =
  | { readonly output: Output; readonly error?: never }
  | { readonly error: ToolError; readonly output?: never };

/** Why a tool refused. */
export interface ToolError {
  readonly code: string;
  readonly reason?: string;
  readonly message: string;
}

/**
 * Calls a tool, and calls it again in the same words, at one node after the other, until it is answered.
 *
 * @throws Error for an answer that no fault explains, and when the signal aborts.
 */
export type CallTool = <Output>(name: string, args: object) => Promise<ToolAnswer<Output>>;

/** What a tool answered. @throws Error where it refused. */
export function outputOf<Output>({ output, error }: ToolAnswer<Output>): Output {
  if (error !== undefined) throw new Error(`a tool refused: ${JSON.stringify(error)}`);
  return output as Output;
}

/** Past it a call is given up, and repeated with twice the patience: it may be the machine. Longer than a claim waits. */
const firstPatienceMs = 2_500;
const maxPatienceMs = 10_000;
const pauseMs = 100;
const outages: readonly string[] = ["unavailable", "deadline_exceeded"];

interface Caller {
  readonly urls: readonly string[];
  readonly apiKey: string;
  readonly signal: AbortSignal;
}

/** Begins with the first of `urls`, and stays with the node that answered last. */
export function createToolCaller(caller: Caller): CallTool {
  const { urls, signal } = caller;
  let node = 0;
  return async <Output>(name: string, args: object) => {
    for (let patienceMs = firstPatienceMs; ; patienceMs = Math.min(2 * patienceMs, maxPatienceMs)) {
      signal.throwIfAborted();
      const url = urls[node] ?? "";
      const answer = await callOnce<Output>(caller, { url, patienceMs, params: { name, arguments: args } });
      if (answer !== undefined) return answer;
      node = (node + 1) % urls.length;
      await delay(pauseMs, undefined, { signal });
    }
  };
}

interface Call {
  readonly url: string;
  readonly patienceMs: number;
  readonly params: Readonly<Record<string, unknown>>;
}

interface Answered {
  readonly result?: { readonly isError?: boolean; readonly structuredContent?: unknown };
}

/** Undefined where nothing came back, or that there is an outage. */
async function callOnce<Output>(
  { apiKey, signal }: Caller,
  { url, patienceMs, params }: Call,
): Promise<ToolAnswer<Output> | undefined> {
  const patience = AbortSignal.any([signal, AbortSignal.timeout(patienceMs)]);
  let status: number;
  let text: string;
  try {
    const response = await sendModern(url, apiKey, { method: "tools/call", params, signal: patience });
    status = response.status;
    text = await response.text();
  } catch {
    return undefined; // refused, cut off, or too slow
  }
  if (status === 503) return undefined;
  const { result } = status === 200 ? (JSON.parse(text) as Answered) : {};
  if (result === undefined) throw new Error(`${JSON.stringify(params)} was answered ${status} ${text}`);
  if (result.isError !== true) return { output: result.structuredContent as Output };
  const { error } = result.structuredContent as { readonly error: ToolError };
  return outages.includes(error.code) ? undefined : { error };
}
