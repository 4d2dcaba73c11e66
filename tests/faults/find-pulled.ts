import { type Database, sql } from "@devmesh/repositories";
import type { Observation } from "./load/observation.ts";

/** Tasks of a load whose result is that of an agent that claimed them, and of which that agent was told so. */
export async function findPulled(
  database: Database,
  { load, observations }: { readonly load: string; readonly observations: readonly Observation[] },
): Promise<readonly string[]> {
  const { rows } = await database.query<{ taskId: string; agent: string }>(sql`
    select r.task_id as "taskId", g.name as agent
    from task_result r
    join task_body b on b.task_id = r.task_id
    join assignment a on a.id = r.assignment_id
    join agent g on g.id = a.agent_id
    where b.input->>'name' = ${load} and g.delivery = 'pull'`);
  const told = new Set(
    observations.flatMap((seen) => (seen.what === "recorded" ? [`${seen.agent} ${seen.taskId}`] : [])),
  );
  return rows.flatMap(({ taskId, agent }) => (told.has(`${agent} ${taskId}`) ? [taskId] : []));
}
