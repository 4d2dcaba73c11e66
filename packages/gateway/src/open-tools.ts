import { assertTransportAllowed, createToolBreaker, openMcpTransport } from "@devmesh/adapters";
import type { NewId, TenantId, ToolServerTransport } from "@devmesh/models";
import type { Logger, Metrics } from "@devmesh/observability";
import {
  type Database,
  type ExternalToolRepository,
  externalToolRepository,
  type ToolCallRepository,
  type ToolChecks,
  type ToolServerRepository,
  toolCallRepository,
  toolChecks,
  toolServerRepository,
} from "@devmesh/repositories";
import type { SecretBox, ToolsConfig } from "@devmesh/runtime";
import { openOutputSchemas } from "@devmesh/tasks";
import { createToolGateway, serverFindings, type ToolGateway, type ToolGatewayObserver } from "@devmesh/tools";
import { openSecretBox } from "./open-keys.ts";

/** What the tools of other servers are put together of. */
export interface OpenToolsOptions {
  readonly config: ToolsConfig;
  readonly database: Database;
  readonly newId: NewId;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Tells the mesh that the tools of a tenant are not what they were, or that a server waits to be looked at. */
  readonly onToolsChanged: (tenantId: TenantId) => void;
}

/** Registered servers, and the way to call their tools. Disposing ends what was started and opened for them. */
export interface Tools extends AsyncDisposable {
  readonly toolServers: ToolServerRepository;
  readonly externalTools: ExternalToolRepository;
  readonly toolCalls: ToolCallRepository;
  readonly toolChecks: ToolChecks;
  readonly toolGateway: ToolGateway;
  readonly secretBox: SecretBox;
  /** Refuses a way to a server that this process may not take. @throws AppError `failed_precondition` */
  readonly assertTransportAllowed: (transport: ToolServerTransport) => void;
  readonly onToolsChanged: (tenantId: TenantId) => void;
}

/**
 * Puts the stores, the way out and the gateway together. Nothing is started or opened before the first call, but that KMS is
 * asked for keys that it holds.
 *
 * @throws AppError as {@link openSecretBox} does.
 */
export async function openTools(options: OpenToolsOptions): Promise<Tools> {
  const { config, database, newId, logger, onToolsChanged } = options;
  const toolServers = toolServerRepository(database);
  const externalTools = externalToolRepository(database);
  const toolCalls = toolCallRepository(database);
  const checks = toolChecks(database);
  const secretBox = await openSecretBox(config);
  const { allowHttp, allowPrivate, allowLoopback } = config;
  const lists = { allowedCommands: config.commands, allowedVariables: config.variables };
  const rules = { ...lists, allowHttp, allowPrivate, allowLoopback };
  const stack = new AsyncDisposableStack();
  const transport = stack.use(openMcpTransport({ ...rules, logger }));
  // one of their own: somebody's slow pattern must not hold up the outputs of tasks
  const schemas = stack.use(openOutputSchemas({ timeoutMs: 1_000, maxWaiting: 200 }));
  const toolGateway = stack.use(
    createToolGateway({
      transport,
      store: serverFindings({ servers: toolServers, box: secretBox, tools: externalTools, checks, onToolsChanged }),
      audit: toolCalls,
      schemas,
      createBreaker: (operation) => createToolBreaker(operation, { resetMs: config.breakerMs }),
      newId,
      observer: observe(options),
    }),
  );
  return {
    toolServers,
    externalTools,
    toolCalls,
    toolChecks: checks,
    toolGateway,
    secretBox,
    assertTransportAllowed: (asked) => assertTransportAllowed(asked, rules),
    onToolsChanged,
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

function observe({ metrics, logger }: Pick<OpenToolsOptions, "metrics" | "logger">): ToolGatewayObserver {
  const seconds = metrics.histogram({
    name: "devmesh_external_tool_call_seconds",
    help: "calls of tools of other servers, by how they ended",
    labels: ["outcome"] as const,
  });
  const failures = metrics.counter({
    name: "devmesh_external_tool_audit_failures_total",
    help: "calls of tools of other servers that could not be written down",
  });
  return {
    onCall: ({ outcome, durationMs }) => seconds.observe({ outcome }, durationMs / 1_000),
    onAuditFailure: (err) => {
      failures.inc();
      logger.warn({ err }, "a call of a tool was not written down");
    },
  };
}
