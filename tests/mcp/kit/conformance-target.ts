import { startKeyProxy } from "./key-proxy.ts";
import { type McpNode, startMcpNode } from "./mcp-node.ts";

/** A node, and an address of it that needs no key. */
export interface ConformanceTarget extends AsyncDisposable {
  readonly url: string;
  readonly node: McpNode;
}

/** Undefined where this machine has no Postgres. */
export async function openConformanceTarget(what: {
  readonly fixtures: boolean;
}): Promise<ConformanceTarget | undefined> {
  await using stack = new AsyncDisposableStack();
  const node = await startMcpNode({ args: what.fixtures ? ["--conformance-fixtures"] : [] });
  if (node === undefined) return undefined;
  stack.use(node);
  const proxy = stack.use(await startKeyProxy(node.url, node.apiKey));
  const owned = stack.move();
  return { url: proxy.url, node, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}
