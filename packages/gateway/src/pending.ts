import { AppError } from "@devmesh/models";
import type { ToolBreaker, ToolTransport } from "@devmesh/tools";

/** Until there is a way out: every server is out of reach. */
export function openMcpTransport(_: unknown): ToolTransport & AsyncDisposable {
  return {
    open: () => Promise.reject(new AppError("unavailable", "there is no way out yet", { reason: "tool_unreachable" })),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

export function createToolBreaker(_: string): ToolBreaker {
  return { state: "closed", retryAfterMs: 0, run: (call) => call(), [Symbol.dispose]: () => undefined };
}
