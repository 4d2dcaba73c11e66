import type { AgentStore } from "@devmesh/agents";
import type { Principal } from "@devmesh/auth";
import {
  type AgentId,
  type NewId,
  reservedAgentName,
  reservedTaskType,
  type Task,
  type TenantId,
} from "@devmesh/models";
import type { TaskEngine } from "@devmesh/tasks";
import type { RunInput } from "./run-input.ts";

/** A call that is to run as a task. */
export interface RunAsked {
  readonly principal: Principal;
  /** The name of a kind that every node knows. */
  readonly kind: string;
  readonly arguments: unknown;
  /** For people: what is run. */
  readonly title: string;
  /** It may be carried out again when the node that had it dies: it only reads, or is idempotent. */
  readonly isRepeatable: boolean;
  /** Of one try, without the time that people take to answer; 10 minutes unless it is said, 24 hours at most. */
  readonly timeoutMs?: number | undefined;
  readonly idempotencyKey?: string | undefined;
  readonly traceparent?: string | undefined;
}

export interface SubmitRunDeps {
  readonly engine: Pick<TaskEngine, "submit">;
  readonly toolAgents: ToolAgents;
  readonly nudgeOutbox: () => void;
}

/** Tries of what may be carried out again. Judgement. */
const maxAttempts = 3;

/**
 * Makes a task of a call; resolves when it is durable.
 *
 * @throws AppError `invalid_argument` for arguments of more than 1 MiB; `conflict`, reason `idempotency_key_reused`.
 */
export async function submitRun({ engine, toolAgents, nudgeOutbox }: SubmitRunDeps, asked: RunAsked): Promise<Task> {
  const { tenantId, ...principal } = asked.principal;
  // a lane that fits nobody when the task comes would wait for the agent's registration
  await toolAgents.find(tenantId);
  const input: RunInput = { kind: asked.kind, arguments: asked.arguments, principal };
  const { task, isReplay } = await engine.submit(
    {
      tenantId,
      principalId: principal.id,
      idempotencyKey: asked.idempotencyKey,
      traceparent: asked.traceparent,
      isOwn: true,
    },
    {
      type: reservedTaskType,
      title: asked.title.slice(0, maxTitleLength),
      input,
      requirements: { agent: reservedAgentName },
      maxAttempts: asked.isRepeatable ? maxAttempts : 1,
      ...(asked.timeoutMs !== undefined && { timeoutMs: asked.timeoutMs }),
    },
  );
  if (!isReplay) nudgeOutbox();
  return task;
}

/** As submissions have it. */
const maxTitleLength = 200;

/** The mesh's own agent of each tenant. */
export interface ToolAgents {
  /** Registers it where it is not there yet. */
  find(tenantId: TenantId): Promise<AgentId>;
  /** It is gone: it is looked for again. */
  forget(tenantId: TenantId): void;
}

/** Tenants whose agent is remembered. */
const maxRemembered = 10_000;
/** Runs of one tenant at once, on all nodes together: what an agent may hold at most. */
const maxConcurrency = 1_000;

/** It never goes: which nodes there are to carry out what it holds is another matter. */
const presenceMs = 10 * 365 * 86_400_000;

/** Remembers the agents of tenants that called something lately. */
export function createToolAgents(agents: Pick<AgentStore, "find" | "register">, newId: NewId): ToolAgents {
  const idsByTenant = new Map<TenantId, Promise<AgentId>>();

  async function findOrRegister(tenantId: TenantId): Promise<AgentId> {
    const found = await agents.find(tenantId, reservedAgentName);
    if (found?.connection === "connected" && found.delivery === "pull") return found.id;
    const registration = {
      name: reservedAgentName,
      kind: "worker" as const,
      capabilities: [{ name: reservedTaskType, level: 1 }],
      maxConcurrency,
    };
    const agent = await agents.register(tenantId, newId() as AgentId, registration, { delivery: "pull", presenceMs });
    return agent.id;
  }

  return {
    find(tenantId) {
      const known = idsByTenant.get(tenantId);
      if (known !== undefined) return known;
      const oldest = idsByTenant.keys().next();
      if (idsByTenant.size >= maxRemembered && !oldest.done) idsByTenant.delete(oldest.value);
      const finding = findOrRegister(tenantId);
      idsByTenant.set(tenantId, finding);
      finding.catch(() => idsByTenant.delete(tenantId));
      return finding;
    },
    forget: (tenantId) => {
      idsByTenant.delete(tenantId);
    },
  };
}
