import {
  createTaskSessionFromClient,
  type RawClientDispatch,
  resultFromTaskOutcome,
} from "@modelcontextprotocol/ext-tasks/client";
import { authorization, type Connect, outputOf, type Target } from "./mcp-client.ts";
import { openSdkV2 } from "./sdk-v2.ts";

const protocolVersion = "2026-07-28";

/** The client half of the tasks extension: what a call answers with may be a task, which it follows to its end. */
export const connectExtTasks: Connect = async (target) => {
  const { client } = await openSdkV2(target, { pin: protocolVersion });
  const session = createTaskSessionFromClient(client, {
    endpointId: "mesh",
    rawDispatch: dispatchTo(target),
    v2RequestFraming: { protocolVersion, clientInfo: { name: "ext-tasks", version: "1" }, clientCapabilities: {} },
  });
  return {
    listTools: async () => (await client.listTools()).tools.map(({ name }) => name),
    async call(name, args) {
      const execution = await session.callTool(name, JSON.parse(JSON.stringify(args)));
      const { outcome } = await execution.settle();
      return outputOf(resultFromTaskOutcome(outcome) as object);
    },
    async [Symbol.asyncDispose]() {
      await session.close();
      await client.close();
    },
  };
};

/** Posts a request as it is: the SDK's client would refuse the answer that is a task. */
function dispatchTo(target: Target): RawClientDispatch {
  let id = 0;
  return async (request, options) => {
    const { method, params } = request as { method: string; params: Record<string, string> };
    const response = await fetch(target.url, {
      method: "POST",
      headers: {
        ...authorization(target),
        "content-type": "application/json",
        accept: "application/json, text/event-stream",
        "mcp-protocol-version": protocolVersion,
        "mcp-method": method,
        "mcp-name": params["name"] ?? params["taskId"] ?? "",
      },
      body: JSON.stringify({ jsonrpc: "2.0", id: ++id, method, params }),
      ...(options?.signal !== undefined && { signal: options.signal }),
    });
    return lastMessage(await response.text());
  };
}

function lastMessage(body: string): Awaited<ReturnType<RawClientDispatch>> {
  if (body.startsWith("{")) return JSON.parse(body);
  const data = body.split("\n").filter((line) => line.startsWith("data: {"));
  return JSON.parse(data.at(-1)?.slice("data: ".length) ?? "null");
}
