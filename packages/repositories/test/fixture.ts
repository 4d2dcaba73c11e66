import { randomUUID } from "node:crypto";
import {
  type Agent,
  type AgentId,
  type AgentRegistration,
  type AssignmentId,
  type ConnectionId,
  type LaneId,
  type NewTask,
  type NodeId,
  type TaskId,
  type TenantId,
  toRequirements,
} from "@devmesh/models";
import { type DatabaseKit, givenServices, openTestPglite, openTestPostgres, waitFor } from "@devmesh/testing";
import { describe } from "vitest";
import { agentRepository } from "../src/agents/agent-repository.ts";
import { nodeRepository } from "../src/agents/node-repository.ts";
import type { Database } from "../src/database/database.ts";
import { openPglite, snapshotPglite } from "../src/database/drivers/pglite.ts";
import { openPostgres } from "../src/database/drivers/postgres.ts";
import { outboxRepository } from "../src/events/outbox-repository.ts";
import { keyRepository } from "../src/key-repository.ts";
import { ledgerStore } from "../src/ledger/ledger-store.ts";
import { migrate, migrationsDir } from "../src/migrate.ts";

export type OpenDatabase = (stack: AsyncDisposableStack) => Promise<Database>;

const { databaseUrl } = givenServices();
const kit: DatabaseKit<Database> = {
  migrationsDir,
  migrate,
  openPostgres: (options) => openPostgres({ ...options, maxConnections: 8 }),
  openPglite,
  snapshotPglite,
};

export function describeOnPostgres(tests: (open: OpenDatabase) => void): void {
  describe.skipIf(databaseUrl === undefined)("on postgres", () => tests((stack) => openTestPostgres(kit, stack)));
}

export function describeOnBoth(tests: (open: OpenDatabase) => void): void {
  describeOnPostgres(tests);
  describe("on pglite", () => tests((stack) => openTestPglite(kit, stack)));
}

export function newUuid<Id extends string>(): Id {
  return randomUUID() as string as Id;
}

export async function givenTenant(database: Database): Promise<TenantId> {
  const id = newUuid<TenantId>();
  await keyRepository(database).createTenant({ id, name: id });
  return id;
}

export async function givenNode(database: Database, leaseMs = 60_000): Promise<NodeId> {
  const nodeId = newUuid<NodeId>();
  await nodeRepository(database).renew(nodeId, leaseMs);
  return nodeId;
}

/** Registers a connected agent with one capability, `work`. */
export async function givenAgent(
  database: Database,
  tenantId: TenantId,
  { nodeId, ...given }: Partial<AgentRegistration> & { readonly nodeId?: NodeId },
): Promise<{ readonly agent: Agent; readonly connectionId: ConnectionId }> {
  const connectionId = newUuid<ConnectionId>();
  const agent = await agentRepository(database).register(
    tenantId,
    newUuid<AgentId>(),
    { name: newUuid(), kind: "worker", capabilities: [{ name: "work", level: 1 }], maxConcurrency: 5, ...given },
    { delivery: "push", connection: nodeId === undefined ? undefined : { connectionId, nodeId } },
  );
  return { agent, connectionId };
}

/** Writes a queued task that asks for `work`, in the lane of those. */
export async function givenTask(
  database: Database,
  tenantId: TenantId,
  given: Partial<NewTask> = {},
): Promise<NewTask> {
  const requirements = given.requirements ?? toRequirements("work", undefined);
  return ledgerStore(database, () => newUuid()).transaction([tenantId], async (tx) => {
    const [laneId] = await tx.ensureLanes([{ tenantId, requirements }]);
    const task: NewTask = {
      tenantId,
      id: newUuid<TaskId>(),
      type: "work",
      title: undefined,
      ref: undefined,
      state: "queued",
      laneId: laneId as LaneId,
      requirements,
      rank: Date.now(),
      priority: 5,
      strategy: "capability_match",
      maxAttempts: 3,
      timeoutMs: 60_000,
      deadline: undefined,
      notBefore: undefined,
      wakeAt: undefined,
      labels: [],
      dependsOn: [],
      parentId: undefined,
      depth: 0,
      traceparent: undefined,
      input: undefined,
      outputSchema: undefined,
      error: undefined,
      ...given,
    };
    await tx.insertTasks([task]);
    return task;
  });
}

/** Assigns a queued task to an agent with a free slot; gives the assignment. */
export async function givenAssignment(
  database: Database,
  { tenantId, id: taskId }: NewTask,
  agentId: AgentId,
): Promise<{ readonly assignmentId: AssignmentId; readonly seq: number }> {
  const why = { strategy: "capability_match", candidates: [], passedOver: {} } as const;
  const [taken] = await ledgerStore(database, () => newUuid()).transaction([tenantId], async (tx) => {
    await tx.lockByTask([{ tenantId, taskId }]);
    const assignmentId = newUuid<AssignmentId>();
    return tx.take([{ tenantId, taskId, agentId, assignmentId, strategy: "capability_match", why }], {
      acceptMs: 10_000,
      leaseMs: 30_000,
    });
  });
  if (taken === undefined) throw new Error("the slot was not taken");
  return taken;
}

/** Reads the outbox to its end, also what waits for transactions of other databases of the cluster. Tells whose events it were. */
export async function relayAll(database: Database, limit = 1_000): Promise<readonly TenantId[]> {
  const outbox = outboxRepository(database);
  const tenantIds = new Set<TenantId>();
  await waitFor(async () => {
    const round = await outbox.relay(limit);
    for (const tenantId of round.tenantIds) tenantIds.add(tenantId);
    return !round.more && !round.isWaiting;
  });
  return [...tenantIds];
}
