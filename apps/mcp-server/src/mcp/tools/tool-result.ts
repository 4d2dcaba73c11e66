import { type AppError, toErrorBody } from "@devmesh/models";
import type { CallToolResult } from "@modelcontextprotocol/server";
import type { Tool, ToolAnswer } from "./tool.ts";

type Completed = Extract<ToolAnswer<Record<string, unknown>>, { readonly kind: "complete" }>;

/** What a tool came to, as its client gets it: content for the model to read, and the output for programs. */
export function toToolResult(tool: Tool, { output, text, content, isError }: Completed): CallToolResult {
  const isNamed = isStructured(tool) || Object.keys(output).length > 0;
  const words = text ?? (isNamed && content === undefined ? JSON.stringify(output) : undefined);
  return {
    content: [...(words === undefined ? [] : [{ type: "text" as const, text: words }]), ...(content ?? [])],
    ...(isNamed && { structuredContent: output }),
    ...(isError === true && { isError }),
  };
}

/** False for a tool whose output schema names nothing: it answers with content alone. */
export function isStructured({ output }: Pick<Tool, "output">): boolean {
  return Object.keys(output.shape).length > 0;
}

/** The result of a call that failed. An `internal` error shows nothing but its code. */
export function toFailedResult(failure: AppError): CallToolResult {
  const structuredContent = { error: toErrorBody(failure) };
  return { content: [{ type: "text", text: JSON.stringify(structuredContent) }], structuredContent, isError: true };
}
