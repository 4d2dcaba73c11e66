import type { AgentId, AssignmentId, TaskId } from "@devmesh/models";
import { type Database, sql } from "@devmesh/repositories";
import type { Mesh } from "../kit/mesh.ts";
import type { ModelState } from "./model-state.ts";

/** As the mesh knows an agent of the model. */
export function nameOf(agent: number): string {
  return `agent-${agent}`;
}

/** What a mesh in a branch is made of; tasks and agents in the order of the model. */
export interface Parts {
  readonly database: Database;
  readonly mesh: Mesh;
  readonly tasks: readonly TaskId[];
  readonly agents: readonly AgentId[];
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

/** How the ledger stands, in the model's words. */
export async function observeLedger(parts: Parts): Promise<unknown> {
  const { database, agents, tasks } = parts;
  return { ...(await observeTasks(database, agents, tasks)), tries: (await readTriesOf(parts)).map(shown) };
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

/** An assignment, with its task and its agent as the model numbers them. */
export interface TryRow {
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

/** All assignments, in the order in which they were made. */
export async function readTriesOf({ database, tasks, agents }: Parts): Promise<readonly TryRow[]> {
  const { rows } = await database.query<TryRow>(sql`
    select id, task_id as "taskId", agent_id as "agentId", fence, state, lease_until is not null as "wasAccepted",
      is_open as "isOpen"
    from assignment where task_id = any(${tasks}::uuid[]) order by id`);
  return rows.map((row) => ({ ...row, task: tasks.indexOf(row.taskId), agent: agents.indexOf(row.agentId) }));
}

function shown({ task, agent, fence, state, wasAccepted, isOpen }: TryRow): unknown {
  return { task, agent, fence, state, wasAccepted, isOpen };
}
