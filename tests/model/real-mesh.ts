import { randomUUID } from "node:crypto";
import type { AgentId, AssignmentId, ConnectionId, NodeId, TaskId, TenantId } from "@devmesh/models";
import { agentRepository, type Database, ledgerStore, sql } from "@devmesh/repositories";
import { createUuidV7 } from "@devmesh/runtime";
import { type AgentWord, assign, type Outcome } from "@devmesh/tasks";
import { type Mesh, openMesh } from "../kit/mesh.ts";
import { type Deed, type ModelState, maxAttempts, times, type Word } from "./reference.ts";

/** The engine on its real SQL, in which nothing happens that it isn't told to. */
export interface RealMesh {
  /** How the ledger stands, in the model's words; what the model keeps beside is not in it. */
  observe(): Promise<unknown>;
  say(deed: Extract<Deed, { kind: "word" }>): Promise<string>;
  happen(deed: Exclude<Deed, { kind: "word" | "assign" }>): Promise<void>;
  /** Assigns all that can be; gives the pairs in the order in which they were made. */
  assign(): Promise<readonly (readonly [task: number, agent: number])[]>;
  /** What a reconnect with everything that an agent ever had is answered. */
  sortHolding(agent: number): Promise<{ keep: string[]; recorded: string[]; drop: string[] }>;
}

const spoken: Readonly<Record<Word, AgentWord>> = {
  accept: { kind: "accept" },
  progress: { kind: "progress" },
  complete: { kind: "complete", output: "1", artifacts: undefined, usage: undefined },
  fail: { kind: "fail", class: "retryable", message: "no", retryAfterMs: times.retryMs, usage: undefined },
  give_up: { kind: "fail", class: "permanent", message: "never", usage: undefined },
  reject: { kind: "reject", reason: "not mine" },
};

/** Makes tasks and agents with a slot each; all agents are connected, and all tasks queued. */
export async function openRealMesh(
  database: Database,
  { taskCount, agentCount }: { readonly taskCount: number; readonly agentCount: number },
): Promise<RealMesh> {
  const mesh = await openMesh(database, { leaseMs: times.leaseMs, acceptMs: times.acceptMs, random: () => 0 });
  const tasks: TaskId[] = [];
  for (let count = 0; count < taskCount; count++) tasks.push(await mesh.submit({ type: "work", maxAttempts }));
  // from here on the engine assigns nothing by itself, and still does the rest
  await mesh[Symbol.asyncDispose]();
  const agents: AgentId[] = [];
  for (let count = 0; count < agentCount; count++) agents.push(await mesh.addAgent(`agent-${count}`));
  return createRealMesh({ database, mesh, tasks, agents });
}

interface Parts {
  readonly database: Database;
  readonly mesh: Mesh;
  readonly tasks: readonly TaskId[];
  readonly agents: readonly AgentId[];
}

function createRealMesh({ database, mesh, tasks, agents }: Parts): RealMesh {
  const { tenantId } = mesh;
  const newId = createUuidV7();
  const ledger = ledgerStore(database, newId);
  const registry = agentRepository(database);
  const windows = { acceptMs: times.acceptMs, leaseMs: times.leaseMs, newId, now: Date.now };
  const readTries = () => readTriesOf({ database, tasks, agents });
  return {
    observe: async () => ({ ...(await observeTasks(database, agents, tasks)), tries: (await readTries()).map(shown) }),
    say: async (deed) => {
      const held = (await readTries())[deed.try];
      if (held === undefined) throw new Error(`there is no try ${deed.try}`);
      const offer = { taskId: held.taskId, assignmentId: held.id, agentId: held.agentId };
      return describe(await mesh.say({ ...offer, fence: held.fence + deed.fenceOff }, spoken[deed.word]));
    },
    happen: (deed) => happenIn({ database, mesh, tasks, agents }, deed),
    assign: async () => {
      const scope = { lanes: [], agents: agents.map((agentId) => ({ tenantId, agentId })) };
      const { taken } = await assign(ledger, scope, windows);
      return taken.map(({ taskId, agentId }) => [tasks.indexOf(taskId), agents.indexOf(agentId)] as const);
    },
    sortHolding: async (agent) => {
      const tries = await readTries();
      const nameOf = (id: string): string => String(tries.findIndex((one) => one.id === id));
      const sorted = await registry.sortHolding(
        tenantId,
        agents[agent] as AgentId,
        tries.map(({ id }) => id),
      );
      const inOrder = (ids: readonly string[]): string[] => ids.map(nameOf).sort();
      return { keep: inOrder(sorted.keep), recorded: inOrder(sorted.recorded), drop: inOrder(sorted.drop) };
    },
  };
}

async function happenIn(
  { database, mesh, tasks, agents }: Parts,
  deed: Exclude<Deed, { kind: "word" | "assign" }>,
): Promise<void> {
  const { tenantId, engine } = mesh;
  switch (deed.kind) {
    case "sweep":
      await engine.sweep();
      return;
    case "age":
      return mesh.backdate(tasks[deed.task] as TaskId, times.ageMs);
    case "cancel":
      await engine.cancel({ tenantId, taskId: tasks[deed.task] as TaskId }, "test");
      return;
    case "release":
      return engine.release(
        { tenantId, agentId: agents[deed.agent] as AgentId },
        { offeredOnly: false, reason: "test" },
      );
    case "connect": {
      const connection = { connectionId: randomUUID() as ConnectionId, nodeId: randomUUID() as NodeId };
      await agentRepository(database).attach(tenantId, `agent-${deed.agent}`, connection, undefined);
      return;
    }
    case "disconnect":
      return disconnect(database, tenantId, agents[deed.agent] as AgentId);
  }
}

/** A connection that was replaced long ago ends too, before: that must change nothing. */
async function disconnect(database: Database, tenantId: TenantId, agentId: AgentId): Promise<void> {
  const registry = agentRepository(database);
  const connectionId = await connectionIdOf(database, agentId);
  const gone = { tenantId, agentId, connectionId, unreachable: false };
  await registry.detach([{ ...gone, connectionId: randomUUID() as ConnectionId }]);
  if ((await connectionIdOf(database, agentId)) !== connectionId)
    throw new Error("an older connection's end took effect");
  await registry.detach([gone]);
}

function describe(outcome: Outcome): string {
  if (outcome.kind === "refused") return outcome.error.reason ?? outcome.error.code;
  if (outcome.kind !== "recorded") return outcome.kind;
  return `${outcome.duplicate ? "duplicate" : "recorded"} ${outcome.taskState}`;
}

/** The model's state as {@link RealMesh.observe} would show it. */
export function toObservation({ tasks, tries, connected }: ModelState): unknown {
  const isOpen = (state: string): boolean => state === "offered" || state === "running";
  return {
    tasks: tasks.map(({ state, fence, counted, uncounted, rejectedBy, result }) => {
      return { state, fence, counted, uncounted, rejectedBy, result };
    }),
    agents: connected.map((isConnected, agent) => ({
      isConnected,
      inFlight: tries.filter((one) => one.agent === agent && isOpen(one.state)).length,
    })),
    tries: tries.map(({ leftMs: _, ...one }) => ({ ...one, isOpen: isOpen(one.state) })),
  };
}

async function observeTasks(
  database: Database,
  agents: readonly AgentId[],
  tasks: readonly TaskId[],
): Promise<{ tasks: unknown[]; agents: unknown[] }> {
  const { rows } = await database.query<{ rejectedBy: AgentId[] }>(sql`
    select t.state, t.fence, t.counted, t.uncounted, t.rejected_by as "rejectedBy", coalesce(a.fence, 0) as result
    from task t
    left join task_result r on r.task_id = t.id
    left join assignment a on a.id = r.assignment_id
    where t.id = any(${tasks}::uuid[]) order by t.id`);
  const slots = await database.query(sql`
    select connection_id is not null as "isConnected", in_flight as "inFlight"
    from agent_slot where agent_id = any(${agents}::uuid[]) order by agent_id`);
  const named = rows.map((row) => ({ ...row, rejectedBy: row.rejectedBy.map((id) => agents.indexOf(id)).sort() }));
  return { tasks: named, agents: slots.rows };
}

interface TryRow {
  readonly id: AssignmentId;
  readonly taskId: TaskId;
  readonly agentId: AgentId;
  readonly task: number;
  readonly agent: number;
  readonly fence: number;
  readonly state: string;
  readonly wasAccepted: boolean;
  readonly isOpen: boolean;
}

/** In the order in which they were made. */
async function readTriesOf({ database, tasks, agents }: Omit<Parts, "mesh">): Promise<readonly TryRow[]> {
  const { rows } = await database.query<TryRow>(sql`
    select id, task_id as "taskId", agent_id as "agentId", fence, state, lease_until is not null as "wasAccepted",
      is_open as "isOpen"
    from assignment where task_id = any(${tasks}::uuid[]) order by id`);
  return rows.map((row) => ({ ...row, task: tasks.indexOf(row.taskId), agent: agents.indexOf(row.agentId) }));
}

function shown({ task, agent, fence, state, wasAccepted, isOpen }: TryRow): unknown {
  return { task, agent, fence, state, wasAccepted, isOpen };
}

async function connectionIdOf(database: Database, agentId: AgentId): Promise<ConnectionId> {
  const { rows } = await database.query<{ id: ConnectionId }>(sql`
    select connection_id as id from agent_slot where agent_id = ${agentId}`);
  return rows[0]?.id ?? ("" as ConnectionId);
}
