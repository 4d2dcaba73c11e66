import { hasScope, isScope } from "@devmesh/auth";
import { mayUseServer } from "@devmesh/tools";
import { z } from "zod";
import { type Runs, toAnswer } from "../tasks/runs/run-tool.ts";
import type { Tool, ToolAnswer, ToolCall } from "../tools/tool.ts";
import type { ToolSource } from "../tools/tool-source.ts";
import {
  callExternalTool,
  type ExternalRunArguments,
  type ExternalToolDeps,
  externalRunName,
  type FoundTool,
  findExternalTool,
} from "./external-run.ts";
import { describe, toListed } from "./show-tool.ts";

export interface GatewaySourceDeps extends ExternalToolDeps {
  readonly runs: Pick<Runs, "call">;
}

/** A server whose calls may take longer is called by a task, where the client takes tasks. Judgement: clients wait so long. */
const longCallMs = 30_000;
/** What is over so soon is answered as it is. */
const quickMs = 2_000;
/** For what comes before and after the call: a place, a start, the record. */
const spareMs = 60_000;

/** The tools of other servers: listed where they are few, called by their names in any case. */
export function gatewaySource(deps: GatewaySourceDeps): ToolSource {
  return {
    async list(principal) {
      if (!hasScope(principal, "tools:execute")) return [];
      const { servers, tools = [] } = await deps.tenantServers.of(principal.tenantId);
      return servers
        .filter((server) => mayUseServer(principal.scopes, server))
        .flatMap((server) =>
          tools.filter(({ serverId }) => serverId === server.id).map((tool) => toListed(server.name, tool)),
        );
    },
    async find(principal, name) {
      const found = await findExternalTool(deps, principal, name);
      return found && toTool(deps, found);
    },
  };
}

const anything = z.looseObject({});

function toTool(deps: GatewaySourceDeps, found: FoundTool): Tool {
  const { server, tool } = found;
  return {
    name: tool.callName,
    title: tool.title ?? tool.name,
    description: describe(server.name, tool),
    scopes: ["tools:execute", ...server.scopes.filter(isScope)],
    annotations: {},
    input: anything,
    output: anything,
    call: (given, call) => callTool(deps, found, given, call),
  };
}

async function callTool(
  deps: GatewaySourceDeps,
  found: FoundTool,
  given: Readonly<Record<string, unknown>>,
  call: ToolCall,
): Promise<ToolAnswer<Record<string, unknown>>> {
  const { caller, signal, traceparent, reportProgress } = call;
  const { principal } = caller;
  const { server, tool } = found;
  if (caller.client.takesTasks && server.timeoutMs > longCallMs) {
    const values: ExternalRunArguments = { name: tool.callName, arguments: given };
    return deps.runs.call(
      {
        kind: externalRunName,
        arguments: values,
        title: tool.callName,
        // what a server says of its tool is no reason to call it twice
        isRepeatable: false,
        timeoutMs: server.timeoutMs + spareMs,
        quickMs,
      },
      call,
    );
  }
  const result = await callExternalTool(deps, found, {
    principal,
    arguments: given,
    traceparent,
    onProgress: ({ progress, ...about }) => void reportProgress(progress, about),
    signal,
  });
  return toAnswer(result);
}
