import { hasScope, type Principal } from "@devmesh/auth";
import type { Tools } from "@devmesh/gateway";
import { AppError, splitToolName, type TaskId, toAppError } from "@devmesh/models";
import type { Logger } from "@devmesh/observability";
import type { ServerTool, ToolServerStanding } from "@devmesh/repositories";
import { findTool, mayUseServer, type ToolInvocation } from "@devmesh/tools";
import type { CallToolResult } from "@modelcontextprotocol/server";
import type { RunKind } from "../tasks/runs/run-kind.ts";
import { toFailedResult } from "../tools/tool-result.ts";
import type { ServersOfTenant, TenantServers } from "./tenant-servers.ts";

/** What finding and calling tools of other servers stands on. */
export interface ExternalToolDeps extends Pick<Tools, "externalTools" | "toolGateway"> {
  readonly tenantServers: Pick<TenantServers, "of" | "ofNow">;
  readonly logger: Logger;
}

/** A tool with its server. */
export interface FoundTool {
  readonly server: ToolServerStanding;
  readonly tool: ServerTool;
}

/** Finds a tool by the name that it is called by; undefined where the principal has none of that name. */
export async function findExternalTool(
  deps: Omit<ExternalToolDeps, "logger">,
  principal: Principal,
  callName: string,
): Promise<FoundTool | undefined> {
  if (splitToolName(callName) === undefined) return undefined;
  const { tenantId } = principal;
  const remembered = await deps.tenantServers.of(tenantId);
  const found = await findAmong(deps, remembered, principal, callName);
  if (found !== undefined) return found;
  // one that was registered just now
  const known = await deps.tenantServers.ofNow(tenantId);
  return known === remembered ? undefined : findAmong(deps, known, principal, callName);
}

async function findAmong(
  { externalTools, toolGateway }: Omit<ExternalToolDeps, "logger">,
  { servers, tools }: ServersOfTenant,
  { tenantId, scopes }: Principal,
  callName: string,
): Promise<FoundTool | undefined> {
  const parts = splitToolName(callName);
  if (parts === undefined) return undefined;
  const server = servers.find(({ name }) => name === parts.server);
  if (server === undefined || !mayUseServer(scopes, server)) return undefined;
  const listed = tools?.find((tool) => tool.callName === callName);
  if (listed !== undefined) return { server, tool: listed };
  const asked = { tenantId, server, name: callName, signal: new AbortController().signal };
  const tool = await findTool(externalTools, toolGateway, asked);
  return tool?.callName === callName ? { server, tool } : undefined;
}

/** How a call is made, by whom and for what. */
export interface ExternalCall extends Pick<ToolInvocation, "arguments" | "traceparent" | "onProgress" | "signal"> {
  readonly principal: Principal;
  readonly taskId?: TaskId;
}

/** Calls a tool of another server. @throws AppError as {@link import("@devmesh/tools").ToolGateway.call} does. */
export async function callExternalTool(
  { toolGateway }: Pick<ExternalToolDeps, "toolGateway">,
  { server, tool }: FoundTool,
  { principal, taskId, ...call }: ExternalCall,
): Promise<CallToolResult> {
  const { tenantId, id: principalId, scopes } = principal;
  const caller = { principalId, scopes, door: "mcp" as const, taskId };
  const { content, structuredContent, isError } = await toolGateway.call({ tenantId, server, tool, caller, ...call });
  return {
    content: content.map((block) => ({ ...block })),
    ...(isObject(structuredContent) && { structuredContent }),
    ...(isError && { isError }),
  };
}

/** The kind of run that carries out calls of tools of other servers as tasks of the mesh. */
export const externalRunName = "external_tool";

/** Makes the kind. What keeps a call from an answer is the result of a tool that failed. */
export function externalRun(deps: ExternalToolDeps): RunKind {
  return {
    name: externalRunName,
    async isAllowed(principal, given) {
      const { tenantId, scopes } = principal;
      const named = splitToolName((given as ExternalRunArguments).name);
      const { servers } = await deps.tenantServers.of(tenantId);
      const server = servers.find(({ name }) => name === named?.server);
      return hasScope(principal, "tools:execute") && (server === undefined || mayUseServer(scopes, server));
    },
    async run({ taskId, principal, arguments: given, traceparent, signal, report }) {
      const { name, arguments: values } = given as ExternalRunArguments;
      try {
        const found = await findExternalTool(deps, principal, name);
        if (found === undefined) throw new AppError("not_found", `unknown tool: ${name}`);
        return await callExternalTool(deps, found, {
          principal,
          taskId,
          arguments: values,
          traceparent,
          onProgress: ({ progress, total, message }) =>
            report({
              ...(total !== undefined &&
                total > 0 && { percent: Math.min(100, Math.max(0, (100 * progress) / total)) }),
              ...(message !== undefined && { note: message.slice(0, maxNote) }),
            }),
          signal,
        });
      } catch (caught) {
        if (signal.aborted) throw caught;
        const failure = toAppError(caught);
        if (failure.code === "internal")
          deps.logger.error({ err: failure.cause ?? failure }, "an external tool failed");
        return toFailedResult(failure);
      }
    },
  };
}

/** What the ledger keeps of a call. */
export interface ExternalRunArguments {
  readonly name: string;
  readonly arguments: unknown;
}

/** Of the notes of progress of a task. */
const maxNote = 1_000;

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
