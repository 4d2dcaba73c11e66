import { randomUUID } from "node:crypto";
import {
  type AgentId,
  type AgentRegistration,
  AppError,
  type AssignmentId,
  type ClaimedTask,
  type ConnectionId,
  type NodeId,
  type TaskId,
  type TenantId,
} from "@devmesh/models";
import { agentRepository, type Database, ledgerStore, pullRepository, sql } from "@devmesh/repositories";
import { type AgentWord, assign, type Outcome } from "@devmesh/tasks";
import { type Mesh, openMesh } from "../kit/mesh.ts";
import {
  type Asked,
  type Happening,
  type ModelState,
  type Move,
  maxAttempts,
  type Standing,
  times,
  type Word,
} from "./reference.ts";

/** The engine on its real SQL, in which nothing happens that it isn't told to. */
export interface RealMesh {
  /** How the ledger stands, in the model's words; what the model keeps beside is not in it. */
  observe(): Promise<unknown>;
  /** What the deed is answered, in the model's words. Of a claim that is given nothing. */
  answer(deed: Asked): Promise<string>;
  happen(deed: Happening): Promise<void>;
  /** Claims one task for an agent, with the key of the next try; gives what it was given. */
  claim(agent: number): Promise<readonly number[]>;
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

/** Makes tasks, all of them queued, and agents with a slot each. */
export async function openRealMesh(
  database: Database,
  { taskCount, agents: standings }: { readonly taskCount: number; readonly agents: readonly StandingAtFirst[] },
): Promise<RealMesh> {
  const mesh = await openMesh(database, { leaseMs: times.leaseMs, acceptMs: times.acceptMs, random: () => 0 });
  const tasks: TaskId[] = [];
  for (let count = 0; count < taskCount; count++) tasks.push(await mesh.submit({ type: "work", maxAttempts }));
  // from here on the engine assigns nothing by itself, and still does the rest
  await mesh[Symbol.asyncDispose]();
  const agents: AgentId[] = [];
  for (const [agent, standing] of standings.entries()) {
    agents.push(await mesh.addAgent(nameOf(agent), { delivery: standing === "present" ? "pull" : "push" }));
  }
  return createRealMesh({ database, mesh, tasks, agents });
}

/** As {@link Mesh.addAgent} gives them. */
const capabilities = [{ name: "work", level: 1 }];
const presenceMs = 120_000;

/** How an agent begins. */
export type StandingAtFirst = Extract<Standing, "connected" | "present">;

function nameOf(agent: number): string {
  return `agent-${agent}`;
}

interface Parts {
  readonly database: Database;
  readonly mesh: Mesh;
  readonly tasks: readonly TaskId[];
  readonly agents: readonly AgentId[];
}

function createRealMesh(parts: Parts): RealMesh {
  const { database, mesh, tasks, agents } = parts;
  const { tenantId, newId } = mesh;
  const ledger = ledgerStore(database, newId);
  const registry = agentRepository(database);
  // ids of one maker, in whose order tries are read
  const windows = { acceptMs: times.acceptMs, leaseMs: times.leaseMs, newId, now: Date.now };
  const readTries = () => readTriesOf(parts);
  return {
    observe: async () => ({ ...(await observeTasks(database, agents, tasks)), tries: (await readTries()).map(shown) }),
    answer: (deed) => answerIn(parts, deed),
    happen: (deed) => happenIn(parts, deed),
    claim: async (agent) => {
      const given = await claim(parts, agent, (await readTries()).length);
      return given.map(({ task }) => tasks.indexOf(task.id));
    },
    assign: async () => {
      const scope = { lanes: [], agents: agents.map((agentId) => ({ tenantId, agentId })) };
      const { taken } = await assign(ledger, scope, windows);
      return taken.map(({ taskId, agentId }) => [tasks.indexOf(taskId), agents.indexOf(agentId)] as const);
    },
    sortHolding: async (agent) => {
      const tries = await readTries();
      const numberOf = (id: string): string => String(tries.findIndex((one) => one.id === id));
      const sorted = await registry.sortHolding(
        tenantId,
        agents[agent] as AgentId,
        tries.map(({ id }) => id),
      );
      const inOrder = (ids: readonly string[]): string[] => ids.map(numberOf).sort();
      return { keep: inOrder(sorted.keep), recorded: inOrder(sorted.recorded), drop: inOrder(sorted.drop) };
    },
  };
}

async function answerIn(parts: Parts, deed: Asked): Promise<string> {
  const tries = await readTriesOf(parts);
  switch (deed.kind) {
    case "word": {
      const { taskId, agentId, id: assignmentId, fence } = tries[deed.try] as TryRow;
      const offer = { taskId, agentId, assignmentId, fence: fence + deed.fenceOff };
      return describe(await parts.mesh.say(offer, spoken[deed.word]));
    }
    case "claim":
      return describeClaimed(tries, claim(parts, deed.agent, tries.length));
    case "reclaim":
      return describeClaimed(tries, claim(parts, (tries[deed.try] as TryRow).agent, deed.try));
    default:
      return move(parts, deed.kind, deed.agent);
  }
}

/** The key is that of the try that it makes, so that the same claim can be made once more. */
function claim({ mesh, agents }: Parts, agent: number, number: number): Promise<readonly ClaimedTask[]> {
  const asked = { max: 1, leaseMs: times.leaseMs, idempotencyKey: `try-${number}` };
  return mesh.claim(agents[agent] as AgentId, asked);
}

async function describeClaimed(tries: readonly TryRow[], claiming: Promise<readonly ClaimedTask[]>): Promise<string> {
  try {
    const claimed = await claiming;
    if (claimed.length === 0) return "nothing";
    return claimed.map(({ assignmentId, state }) => `${numberOf(tries, assignmentId)} ${state}`).join();
  } catch (error) {
    return toReason(error);
  }
}

async function move(parts: Parts, kind: Move, agent: number): Promise<string> {
  const { database, mesh, agents } = parts;
  const { tenantId, newId } = mesh;
  const agentId = agents[agent] as AgentId;
  const registry = agentRepository(database);
  switch (kind) {
    case "connect": {
      const connection = { connectionId: newId() as ConnectionId, nodeId: newId() as NodeId };
      return (await registry.attach(tenantId, nameOf(agent), connection, undefined)) === undefined ? "not_found" : kind;
    }
    case "register": {
      const registration: AgentRegistration = { name: nameOf(agent), kind: "worker", capabilities, maxConcurrency: 1 };
      const as = { delivery: "pull", presenceMs } as const;
      return registry.register(tenantId, newId() as AgentId, registration, as).then(() => kind, toReason);
    }
    case "deregister":
      return (await registry.deregister(tenantId, agentId)) === undefined ? "not_found" : kind;
    case "heartbeat": {
      const alive = await pullRepository(database).heartbeat({ tenantId, agentId }, { presenceMs });
      if (alive === undefined) return "not_pull";
      const tries = await readTriesOf(parts);
      return `holds ${alive.holding.map(({ assignmentId }) => numberOf(tries, assignmentId)).join(" ")}`;
    }
  }
}

async function happenIn({ database, mesh, tasks, agents }: Parts, deed: Happening): Promise<void> {
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
    case "lapse":
      await database.query(sql`
        update agent_slot set present_until = now() - interval '1 minute' where agent_id = ${agents[deed.agent]}`);
      return;
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

function toReason(error: unknown): string {
  if (error instanceof AppError) return error.reason ?? error.code;
  throw error;
}

function numberOf(tries: readonly TryRow[], id: AssignmentId): number {
  return tries.findIndex((one) => one.id === id);
}

function describe(outcome: Outcome): string {
  if (outcome.kind === "refused") return outcome.error.reason ?? outcome.error.code;
  if (outcome.kind !== "recorded") return outcome.kind;
  return `${outcome.duplicate ? "duplicate" : "recorded"} ${outcome.taskState}`;
}

/** The model's state as {@link RealMesh.observe} would show it. */
export function toObservation({ tasks, tries, agents }: ModelState): unknown {
  const isOpen = (state: string): boolean => state === "offered" || state === "running";
  return {
    tasks: tasks.map(({ state, fence, counted, uncounted, rejectedBy, result }) => {
      return { state, fence, counted, uncounted, rejectedBy, result };
    }),
    agents: agents.map((standing, agent) => ({
      standing,
      ...(standing !== "gone" && { isPull: standing === "present" || standing === "lapsed" }),
      inFlight: tries.filter((one) => one.agent === agent && isOpen(one.state)).length,
    })),
    tries: tries.map(({ leftMs: _, wasClaimed: __, ...one }) => ({ ...one, isOpen: isOpen(one.state) })),
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
  const { rows: rowsOfAgents } = await database.query<{
    standing: string;
    isPull: boolean | null;
    inFlight: number;
  }>(sql`
    select case
        when a.deregistered_at is not null then 'gone'
        when s.connection_id is not null then 'connected'
        when s.present_until is null then 'away'
        when s.present_until > now() then 'present'
        else 'lapsed'
      end as standing,
      case when a.deregistered_at is null then a.delivery = 'pull' end as "isPull", s.in_flight as "inFlight"
    from agent a join agent_slot s on s.tenant_id = a.tenant_id and s.agent_id = a.id
    where a.id = any(${agents}::uuid[]) order by a.id`);
  const named = rows.map((row) => ({ ...row, rejectedBy: row.rejectedBy.map((id) => agents.indexOf(id)).sort() }));
  const slots = rowsOfAgents.map(({ isPull, ...row }) => (isPull === null ? row : { ...row, isPull }));
  return { tasks: named, agents: slots };
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
