import { randomUUID } from "node:crypto";
import { createToolBreaker, type McpTransportOptions, openMcpTransport } from "@devmesh/adapters";
import type {
  ApiKeyId,
  ExternalTool,
  NewToolCallRecord,
  TenantId,
  ToolResult,
  ToolServer,
  ToolServerId,
  ToolServerTransport,
  ToolValue,
} from "@devmesh/models";
import { createLogger } from "@devmesh/observability";
import { openOutputSchemas } from "@devmesh/tasks";
import { createToolGateway, type ToolGateway, type ToolGatewayLimits, type ToolInvocation } from "@devmesh/tools";
import { afterAll } from "vitest";

/** What a test may change. */
export interface GatewayKitOptions {
  readonly transport?: Partial<McpTransportOptions>;
  readonly limits?: ToolGatewayLimits;
  readonly secrets?: ReadonlyMap<string, string>;
  /** A checker of its own, in the place of the one that a file shares. */
  readonly schemas?: { readonly timeoutMs: number; readonly maxWaiting: number };
  /** How long a breaker that opened rests. */
  readonly resetMs?: number;
  /** On how many calls it may open. */
  readonly minCalls?: number;
}

/** A gateway that reaches real servers, and keeps what it writes down in memory. */
export interface GatewayKit extends AsyncDisposable {
  readonly gateway: ToolGateway;
  readonly records: readonly NewToolCallRecord[];
  /** Calls a tool of a server, with the schema `{type: "object"}` unless another is given. */
  call(server: ToolServer, tool: string, more?: Partial<ToolInvocation>): Promise<ToolResult>;
}

export const tenantId: TenantId = randomUUID() as TenantId;
const stdioServer = new URL("./stdio-server.ts", import.meta.url).pathname;

// one for a file: its thread takes a moment to start
const sharedSchemas = openOutputSchemas({ timeoutMs: 20_000, maxWaiting: 100 });
afterAll(() => sharedSchemas[Symbol.asyncDispose]());

export function openGateway({
  transport,
  limits,
  secrets = new Map(),
  schemas,
  resetMs = 10_000,
  minCalls = 3,
}: GatewayKitOptions = {}): GatewayKit {
  const records: NewToolCallRecord[] = [];
  const stack = new AsyncDisposableStack();
  const mcp = stack.use(
    openMcpTransport({
      allowedCommands: [process.execPath],
      allowedVariables: ["PLAIN", "TOKEN"],
      allowHttp: true,
      allowPrivate: false,
      allowLoopback: true,
      logger: createLogger({ level: "silent", service: "test" }),
      ...transport,
    }),
  );
  const gateway = stack.use(
    createToolGateway({
      transport: mcp,
      store: { findSecrets: () => Promise.resolve(secrets), writeCheck: () => Promise.resolve() },
      audit: {
        record: (_, record) => {
          records.push(record);
          return Promise.resolve();
        },
      },
      schemas: schemas === undefined ? sharedSchemas : stack.use(openOutputSchemas(schemas)),
      createBreaker: (operation) => createToolBreaker(operation, { resetMs, minCalls }),
      newId: randomUUID,
      ...(limits !== undefined && { limits }),
    }),
  );
  return {
    gateway,
    records,
    call: (server, tool, more) =>
      gateway.call({
        tenantId,
        server,
        tool: toolOf(tool),
        caller: { principalId: randomUUID() as ApiKeyId, scopes: ["tools:execute"], door: "rest" },
        arguments: {},
        signal: new AbortController().signal,
        ...more,
      }),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

export function toolOf(name: string, properties: object = {}): ExternalTool {
  return { name, inputSchema: { type: "object", ...properties } };
}

/** A registered server that is the stand-in with these arguments. */
export function stdioServerOf(
  args: readonly string[] = [],
  more: Partial<ToolServer> = {},
  env: Readonly<Record<string, ToolValue>> = {},
): ToolServer {
  return serverOf({ kind: "stdio", command: process.execPath, args: [stdioServer, ...args], env }, more);
}

export function serverOf(transport: ToolServerTransport, more: Partial<ToolServer> = {}): ToolServer {
  return {
    id: randomUUID() as ToolServerId,
    name: "stand-in",
    transport,
    timeoutMs: 30_000,
    maxConcurrency: 4,
    scopes: [],
    enabled: true,
    version: 1,
    createdAt: "2026-11-21T00:00:00Z",
    updatedAt: "2026-11-21T00:00:00Z",
    ...more,
  };
}

/** The text of a result's first piece. */
export function textOf(result: ToolResult): string {
  const [first] = result.content;
  return first?.type === "text" ? first.text : "";
}
