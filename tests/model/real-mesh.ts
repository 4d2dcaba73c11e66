import { randomUUID } from "node:crypto";
import type { AgentId, ConnectionId, TaskId, TenantId } from "@devmesh/models";
import { agentRepository, type Database, ledgerStore, sql } from "@devmesh/repositories";
import { assign } from "@devmesh/tasks";
import { openMesh } from "../kit/mesh.ts";
import { type Asked, type Happening, maxAttempts, type Standing, times } from "./model-state.ts";
import { nameOf, observeLedger, type Parts, readTriesOf } from "./read-ledger.ts";
import { answerAll, claim } from "./real-answers.ts";

/** The engine on its real SQL, in which nothing happens that it isn't told to. */
export interface RealMesh {
  /** How the ledger stands, in the model's words; what the model keeps beside is not in it. */
  observe(): Promise<unknown>;
  /** What each deed is answered, in the model's words: one, or as many as change nothing. */
  answer(deeds: readonly Asked[]): Promise<readonly string[]>;
  happen(deed: Happening): Promise<void>;
  /** Claims one task for an agent, with the key of the next try; gives what it was given. */
  claim(agent: number): Promise<readonly number[]>;
  /** Assigns all that can be; gives the pairs in the order in which they were made. */
  assign(): Promise<readonly (readonly [task: number, agent: number])[]>;
  /** What a reconnect with everything that an agent ever had is answered. */
  sortHolding(agent: number): Promise<{ keep: string[]; recorded: string[]; drop: string[] }>;
}

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

/** How an agent begins. */
export type StandingAtFirst = Extract<Standing, "connected" | "present">;

function createRealMesh(parts: Parts): RealMesh {
  const { database, mesh, tasks, agents } = parts;
  const { tenantId, newId } = mesh;
  const ledger = ledgerStore(database, newId);
  const registry = agentRepository(database);
  // ids of one maker, in whose order tries are read
  const windows = { acceptMs: times.acceptMs, leaseMs: times.leaseMs, newId, now: Date.now };
  const readTries = () => readTriesOf(parts);
  return {
    observe: () => observeLedger(parts),
    answer: (deeds) => answerAll(parts, deeds),
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

async function connectionIdOf(database: Database, agentId: AgentId): Promise<ConnectionId> {
  const { rows } = await database.query<{ id: ConnectionId }>(sql`
    select connection_id as id from agent_slot where agent_id = ${agentId}`);
  return rows[0]?.id ?? ("" as ConnectionId);
}
