import { randomBytes } from "node:crypto";
import { createApiKey, createAuthenticator, displayOf, hashApiKey, type Scope } from "@devmesh/auth";
import { openTools } from "@devmesh/gateway";
import { createContexts, createKnowledge } from "@devmesh/memory";
import type { AgentId, ApiKeyId, ConnectionId, NodeId, Task, TaskId, TenantId } from "@devmesh/models";
import { createLogger, createMetrics } from "@devmesh/observability";
import {
  agentMetricsRepository,
  agentRepository,
  attentionReads,
  budgetRepository,
  type Database,
  deadLetterReads,
  deadLetterWrites,
  importJobs,
  keyRepository,
  ledgerStore,
  limitRepository,
  migrate,
  migrationsDir,
  openPglite,
  openPostgres,
  redriveJobs,
  snapshotPglite,
  sql,
  taskReads,
  usageRepository,
} from "@devmesh/repositories";
import { createHealth, createTaskWaiters, createUuidV7 } from "@devmesh/runtime";
import { createTaskEngine, openOutputSchemas, type TaskEngine } from "@devmesh/tasks";
import { openTestDatabase, waitFor } from "@devmesh/testing";
import { type AppDeps, createApp } from "../src/app.ts";
import { readEnv, toConfig } from "../src/config.ts";
import { openMemory } from "../src/open-memory.ts";

const pepper = "a pepper for tests";
/** This Node alone may be started, and this machine be asked. */
const toolsEnv = {
  DEVMESH_TOOL_COMMANDS: process.execPath,
  DEVMESH_TOOL_ALLOW_HTTP: "true",
  DEVMESH_TOOL_ALLOW_LOOPBACK: "true",
  DEVMESH_TOOL_SECRETS_KEY: randomBytes(32).toString("base64"),
};

/** The API over a database of its own, without a server; hints stay in the process. */
export interface RestHarness extends AsyncDisposable {
  readonly app: ReturnType<typeof createApp>;
  readonly deps: AppDeps;
  readonly database: Database;
  readonly engine: TaskEngine;
  readonly tenantId: TenantId;
  /** Connections that were asked to be closed. */
  readonly closed: { readonly connectionId: string; readonly code: number }[];
  /** Agents of which other processes were told that they may claim something now. */
  readonly claimants: AgentId[];
  /** Ends what waits, as the service's stop does. */
  stop(): void;
  createKey(options?: {
    readonly scopes?: readonly Scope[];
    readonly tenantId?: TenantId;
    readonly agentName?: string;
    readonly team?: string;
  }): Promise<string>;
  createTenant(): Promise<TenantId>;
  /** Asks with the harness's own admin key; a body is sent as JSON. */
  ask(method: string, path: string, body?: unknown, headers?: Readonly<Record<string, string>>): Promise<Response>;
  /** Registers an agent that counts as connected. */
  connectAgent(name: string, capability: string): Promise<AgentId>;
  /** Waits until a task is assigned, and says what its agent would. */
  complete(taskId: TaskId, output: unknown): Promise<void>;
  assigned(taskId: TaskId): Promise<Task>;
}

export async function openRest(overrides: Partial<AppDeps> = {}): Promise<RestHarness> {
  const stack = new AsyncDisposableStack();
  const database = await openTestDatabase({ migrationsDir, migrate, openPostgres, openPglite, snapshotPglite }, stack);
  const newId = createUuidV7();
  const logger = createLogger({ level: "silent", service: "rest-api" });
  const metrics = createMetrics("rest-api");
  const reads = taskReads(database);
  const agents = agentRepository(database);
  const keys = keyRepository(database);
  const stopping = new AbortController();
  const closed: { connectionId: string; code: number }[] = [];
  const claimants: AgentId[] = [];
  stack.defer(() => stopping.abort());
  const waiters = stack.use(createTaskWaiters({ reads, logger, maxWatches: 100, recheckMs: 200 }));
  const engine = stack.use(
    createTaskEngine({
      store: ledgerStore(database, newId),
      hints: {
        assigned: () => undefined,
        mailed: () => undefined,
        changed: (refs) => waiters.onChanged(refs.map(({ tenantId, taskId }) => ({ tenantId, taskId }))),
        due: () => undefined,
        claimable: ({ agents: told }) => void claimants.push(...told.map(({ agentId }) => agentId)),
      },
      outputSchemas: stack.use(openOutputSchemas({ timeoutMs: 20_000, maxWaiting: 100 })),
      newId,
      random: Math.random,
      now: Date.now,
      leaseMs: 30_000,
      acceptMs: 10_000,
      onError: () => undefined,
    }),
  );
  const authenticator = createAuthenticator({
    findKeyByHash: (hash) => keys.findByHash(hash),
    pepper,
    now: Date.now,
  });
  const config = toConfig(readEnv({ DEVMESH_PEPPER: pepper, ...toolsEnv }));
  const onToolsChanged = (): void => undefined;
  const tools = stack.use(await openTools({ config: config.tools, database, newId, logger, metrics, onToolsChanged }));
  const memory = stack.use(openMemory({ config, database, metrics, newId, nudgeEmbeddings: () => undefined }));
  const knowledge = createKnowledge({ database, memory, logger, tellChanged: () => undefined });
  const contexts = createContexts({ database, memory, objects: undefined });
  const deps: AppDeps = {
    ...memory,
    ...knowledge,
    ...tools,
    ...contexts,
    nudgeContexts: () => undefined,
    engine,
    reads,
    attention: attentionReads(database),
    limits: limitRepository(database),
    budgets: budgetRepository(database),
    usage: usageRepository(database),
    agents,
    agentMetrics: agentMetricsRepository(database),
    findConnection: agents.connectionOf,
    closeConnection: ({ connectionId }, code) => void closed.push({ connectionId, code }),
    nudgeOutbox: () => undefined,
    deadLetters: deadLetterReads(database),
    deadLetterWrites: deadLetterWrites(database),
    redriveJobs: redriveJobs(database),
    imports: importJobs(database),
    nudgeImports: () => undefined,
    nudgeRedrives: () => undefined,
    onRedrive: () => undefined,
    waiters,
    stopping: stopping.signal,
    keepAliveMs: 15_000,
    logger,
    authenticator,
    rateLimiter: undefined,
    metrics,
    health: createHealth({ service: "rest-api", probes: {}, metrics, authorizeMetrics: async () => undefined }),
    ...overrides,
  };
  const app = createApp(deps);

  async function createTenant(): Promise<TenantId> {
    const id = newId() as TenantId;
    await keys.createTenant({ id, name: `tenant-${id}` });
    return id;
  }
  const tenantId = await createTenant();

  async function createKey(options: Parameters<RestHarness["createKey"]>[0] = {}): Promise<string> {
    const text = createApiKey("svc", randomBytes);
    await keys.create({
      tenantId: options.tenantId ?? tenantId,
      id: newId() as ApiKeyId,
      kind: "svc",
      name: "test",
      hash: hashApiKey(text, pepper),
      display: displayOf(text),
      scopes: options.scopes ?? ["admin"],
      agentName: options.agentName,
      team: options.team,
    });
    return text;
  }
  const key = await createKey();

  async function assigned(taskId: TaskId): Promise<Task> {
    const isAssigned = async (): Promise<Task | undefined> => {
      const [task] = await reads.get(tenantId, [taskId], "whole");
      if (task?.assignment !== undefined && task.assignedAgent !== undefined) return task;
      // what a refused word held for a moment is passed over by who assigns: in the mesh the worker's sweep comes to it
      await engine.sweep();
      return undefined;
    };
    return waitFor(isAssigned, { what: `task ${taskId} to be assigned` });
  }

  return {
    app,
    deps,
    database,
    engine,
    tenantId,
    closed,
    claimants,
    createKey,
    createTenant,
    assigned,
    stop: () => stopping.abort(),
    ask: async (method, path, body, headers = {}) =>
      app.request(`/api/v1${path}`, {
        method,
        headers: {
          authorization: `Bearer ${key}`,
          ...(body !== undefined && { "content-type": "application/json" }),
          ...headers,
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      }),
    async connectAgent(name, capability) {
      const nodeId = newId() as NodeId;
      await database.transaction({ role: "devmesh_engine" }, (tx) =>
        tx.query(sql`insert into node (id, lease_until) values (${nodeId}, now() + interval '1 hour')`),
      );
      const agent = await agents.register(
        tenantId,
        newId() as AgentId,
        { name, kind: "worker", capabilities: [{ name: capability, level: 1 }], maxConcurrency: 10 },
        { delivery: "push" },
      );
      await agents.attach(tenantId, name, { connectionId: newId() as ConnectionId, nodeId }, undefined);
      engine.requestAssignment({ lanes: [], agents: [{ tenantId, agentId: agent.id }] });
      return agent.id;
    },
    async complete(taskId, output) {
      const { assignment, assignedAgent } = await assigned(taskId);
      if (assignment === undefined || assignedAgent === undefined) throw new Error("not assigned");
      const about = { tenantId, assignmentId: assignment.id, agentId: assignedAgent.id, fence: assignment.fence };
      await engine.perform({ ...about, word: { kind: "accept" } });
      const word = {
        kind: "complete",
        output: JSON.stringify(output),
        artifacts: undefined,
        usage: undefined,
      } as const;
      await engine.perform({ ...about, word });
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

/** The body of an answer, of the shape that every one has. */
export interface Envelope {
  // biome-ignore lint/suspicious/noExplicitAny: tests read whatever shape they expect, and fail where it is another
  readonly data?: any;
  readonly meta?: { readonly nextCursor?: string };
  readonly error?: {
    readonly code: string;
    readonly reason?: string;
    readonly message: string;
    readonly details?: unknown;
    readonly requestId: string;
    readonly retryAfterMs?: number;
  };
}

export async function envelopeOf(response: Response): Promise<Envelope> {
  return (await response.json()) as Envelope;
}
