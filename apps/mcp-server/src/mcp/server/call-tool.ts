import { assertScope } from "@devmesh/auth";
import { AppError, assert, parseTraceparent, parseWith, type TaskId, toAppError } from "@devmesh/models";
import type { Logger } from "@devmesh/observability";
import {
  type CallToolRequest,
  type CallToolResult,
  type InputRequests,
  ProtocolError,
  ProtocolErrorCode,
  type ServerContext,
} from "@modelcontextprotocol/server";
import type { Caller } from "../caller.ts";
import type { Tool, ToolAnswer, ToolCall } from "../tools/tool.ts";
import { toFailedResult, toToolResult } from "../tools/tool-result.ts";
import type { ToolSource } from "../tools/tool-source.ts";
import type { Catalogue } from "./catalogue.ts";
import type { RequestStates, StateOwner } from "./request-states.ts";

/** What came of a call, for the metrics. */
export type CallOutcome = "ok" | "tool_error" | "input_required" | "task" | AppError["code"];

export interface CallToolDeps {
  readonly catalogue: Catalogue;
  readonly toolSource: ToolSource;
  readonly states: RequestStates;
  /** The handle of a task, as the tasks extension gives it. */
  readonly describeTask: (caller: Caller, taskId: TaskId) => Promise<Readonly<Record<string, unknown>>>;
  /** Holds what a tool answers against its schema: not in production. */
  readonly checksOutput: boolean;
  /** `isOwn` is false for a tool of another server. */
  readonly onCall: (call: {
    readonly tool: string;
    readonly isOwn: boolean;
    readonly outcome: CallOutcome;
    readonly ms: number;
  }) => void;
  readonly logger: Logger;
}

type Params = CallToolRequest["params"];
type Answered =
  | CallToolResult
  | { readonly resultType: "input_required"; readonly inputRequests: InputRequests; readonly requestState?: string };

/**
 * Answers `tools/call`: checks scopes and arguments, calls the tool, and gives what it came to. What goes wrong is the
 * result of a tool that failed; only an unknown tool, a state that is not ours, and a client that lacks what the tool
 * needs are errors of the protocol.
 */
export function createCallTool(
  deps: CallToolDeps,
): (params: Params, caller: Caller, context: ServerContext) => Promise<Answered> {
  return async (params, caller, context) => {
    const startedAt = performance.now();
    const own = deps.catalogue.find(params.name);
    const told = (outcome: CallOutcome): void =>
      deps.onCall({ tool: params.name, isOwn: own !== undefined, outcome, ms: performance.now() - startedAt });
    try {
      const tool = own ?? (await findOther(deps, caller, params.name));
      const owner: StateOwner = { caller, method: "tools/call", name: tool.name, arguments: params.arguments };
      const answer = await callOnce(deps.states, tool, owner, context);
      const answered = await toAnswered(deps, tool, owner, answer);
      told(outcomeOf(answer));
      return answered;
    } catch (caught) {
      if (caught instanceof ProtocolError) {
        told("invalid_argument");
        throw caught;
      }
      const failure = toFailure(caught, context.mcpReq.signal);
      told(failure.code);
      if (failure.code === "internal") {
        deps.logger.error({ err: failure.cause ?? failure, tool: params.name }, "a tool failed");
      }
      return toFailedResult(failure);
    }
  };
}

/** @throws ProtocolError where there is none. */
async function findOther({ toolSource }: CallToolDeps, { principal }: Caller, name: string): Promise<Tool> {
  const tool = await toolSource.find(principal, name);
  if (tool !== undefined) return tool;
  const shown = name.length <= 128 ? name : `${name.slice(0, 128)}…`;
  const message = `unknown tool: ${shown} (tools/list names the mesh's own, tool_search finds those of other servers)`;
  throw new ProtocolError(ProtocolErrorCode.InvalidParams, message);
}

/** What breaks because its caller went away is no fault of ours. */
function toFailure(caught: unknown, signal: AbortSignal): AppError {
  const failure = toAppError(caught);
  return failure.code === "internal" && signal.aborted
    ? new AppError("cancelled", "the call was cancelled", { cause: caught })
    : failure;
}

async function callOnce(
  states: RequestStates,
  tool: Tool,
  owner: StateOwner,
  context: ServerContext,
): Promise<ToolAnswer<Record<string, unknown>>> {
  const { caller } = owner;
  for (const scope of tool.scopes) assertScope(caller.principal, scope);
  const input = parseWith(tool.input, owner.arguments ?? {});
  return tool.call(input, { caller, sdk: context, ...earlierRound(states, owner, context), ...aboutRequest(context) });
}

type Round = Pick<ToolCall, "inputResponses" | "state">;

/** Beside a state, only the answers count whose questions were asked with it. */
function earlierRound(states: RequestStates, owner: StateOwner, { mcpReq }: ServerContext): Round {
  const sealed: unknown = mcpReq.requestState();
  if (sealed === undefined) return { inputResponses: mcpReq.inputResponses ?? {}, state: undefined };
  const opened = typeof sealed === "string" ? states.open(owner, sealed) : undefined;
  if (opened === undefined) {
    const data = { reason: "invalid_request_state" };
    throw new ProtocolError(ProtocolErrorCode.InvalidParams, "Invalid or expired requestState", data);
  }
  const responses = Object.entries(mcpReq.inputResponses ?? {}).filter(([key]) => opened.asked.includes(key));
  return { inputResponses: Object.fromEntries(responses), state: opened.state };
}

function aboutRequest({ mcpReq }: ServerContext): Pick<ToolCall, "signal" | "traceparent" | "reportProgress"> {
  const { _meta: meta, signal } = mcpReq;
  const traceparent = meta?.["traceparent"];
  const progressToken = meta?.progressToken;
  return {
    signal,
    traceparent: parseTraceparent(typeof traceparent === "string" ? traceparent : undefined),
    async reportProgress(progress, about = {}) {
      if (progressToken === undefined || signal.aborted) return;
      const params = { progressToken, progress, ...about };
      // who went away misses it
      await mcpReq.notify({ method: "notifications/progress", params }).catch(() => undefined);
    },
  };
}

async function toAnswered(
  { states, describeTask, checksOutput }: CallToolDeps,
  tool: Tool,
  owner: StateOwner,
  answer: ToolAnswer<Record<string, unknown>>,
): Promise<Answered> {
  switch (answer.kind) {
    case "complete":
      if (checksOutput && answer.isError !== true) parseOutput(tool, answer.output);
      return toToolResult(tool, answer);
    case "input_required": {
      const { requests: inputRequests, state } = answer;
      if (state === undefined) return { resultType: "input_required", inputRequests };
      const requestState = states.seal(owner, { asked: Object.keys(inputRequests), state });
      return { resultType: "input_required", inputRequests, requestState };
    }
    case "task":
      assert(owner.caller.client.takesTasks, `${tool.name} gave a task to a client that takes none`);
      // the SDK knows no such result, and lets it through
      return (await describeTask(owner.caller, answer.taskId)) as unknown as CallToolResult;
  }
}

/** @throws Error for what no client should ever get: it is our own bug. */
function parseOutput(tool: Tool, output: Record<string, unknown>): void {
  // as it will arrive
  const parsed = tool.output.safeParse(JSON.parse(JSON.stringify(output)));
  assert(parsed.success, `${tool.name} answered against its schema: ${parsed.error?.message}`);
}

function outcomeOf(answer: ToolAnswer<Record<string, unknown>>): CallOutcome {
  if (answer.kind === "complete") return answer.isError === true ? "tool_error" : "ok";
  return answer.kind;
}
