import type { Scope } from "@devmesh/auth";
import type { TaskId } from "@devmesh/models";
import type { ContentBlock, InputRequests, ServerContext, ToolAnnotations } from "@modelcontextprotocol/server";
import type { z } from "zod";
import type { Caller } from "../caller.ts";

/** One call of a tool. */
export interface ToolCall {
  readonly caller: Caller;
  /** Aborts when the client cancels, or goes. */
  readonly signal: AbortSignal;
  readonly traceparent: string | undefined;
  /**
   * What a person answered to the requests of an earlier round, by their keys; empty in the first. It is what the client
   * says that it is, of any shape; that this was asked at all is certain only where there is a `state`.
   */
  readonly inputResponses: Readonly<Record<string, unknown>>;
  /** What this tool left in `state` in the earlier round: unchanged, of this principal and these arguments, not too old. */
  readonly state: unknown;
  /** Tells how far the call is; nothing where the client did not ask for it. Never throws. */
  reportProgress(progress: number, about?: { readonly total?: number; readonly message?: string }): Promise<void>;
  /** The request as the SDK knows it: for what has no place here, and nothing but conformance fixtures needs. */
  readonly sdk: ServerContext;
}

/** What a call came to. What went wrong is thrown as an AppError, and answered as the result of a tool that failed. */
export type ToolAnswer<Output> =
  | {
      readonly kind: "complete";
      /** As the tool's output schema says. It is left out where it is empty and the schema names nothing. */
      readonly output: Output;
      /** What a model reads instead of the output as JSON, which is there unless `content` is. */
      readonly text?: string;
      /** Further content: links to resources, images. */
      readonly content?: readonly ContentBlock[];
      /** What the tool of another server says of itself: the call was made, and the tool failed. */
      readonly isError?: boolean;
    }
  /**
   * A person has to answer first. The call comes again with the answers, and `state` as it is here: the client can read
   * it, and keeps it. Give one wherever an answer decides anything.
   */
  | { readonly kind: "input_required"; readonly requests: InputRequests; readonly state?: unknown }
  /** It goes on as this task of the mesh; only for a caller that takes tasks. */
  | { readonly kind: "task"; readonly taskId: TaskId };

/** A tool as its file declares it. */
export interface ToolDefinition<Input extends z.ZodObject, Output extends z.ZodObject> {
  /** snake_case. */
  readonly name: string;
  readonly title: string;
  /** What it does, when to use it, and how long what it gives lasts. */
  readonly description: string;
  /** All of these are needed. */
  readonly scopes: readonly [Scope, ...Scope[]];
  readonly annotations: ToolAnnotations;
  readonly input: Input;
  readonly output: Output;
  call(input: z.output<Input>, call: ToolCall): Promise<ToolAnswer<z.input<Output>>>;
}

/** A tool whose arguments are checked by whoever holds it. */
export type Tool = ToolDefinition<z.ZodObject, z.ZodObject>;

/** Declares a tool: its arguments and its output have the types of its schemas. */
export function defineTool<Input extends z.ZodObject, Output extends z.ZodObject>(
  definition: ToolDefinition<Input, Output>,
): Tool {
  // whoever calls it has parsed the input with the schema beside it
  return definition as unknown as Tool;
}
