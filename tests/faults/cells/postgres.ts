import { readFile } from "node:fs/promises";
import { sql } from "@devmesh/repositories";
import { type Rig, rigSessions } from "../rig.ts";
import type { Cell } from "../run-cell.ts";

/** Postgres shuts down, or crashes, and comes back. */
export const restartPostgres: Cell = {
  name: "Postgres stopped and started",
  disturb: async (rig, chance) => {
    const { services } = rig.fleet;
    while (!chance.signal.aborted) {
      if (chance.random() < 0.5) await crash(rig);
      await services.stopPostgres();
      chance.count();
      await chance.wait(200, 2_000);
      await services.startPostgres();
      await chance.wait(1_000, 2_500);
    }
  },
};

/** An immediate shutdown: nothing is written, and the next start recovers from the log, as after a crash. */
async function crash({ database }: Rig): Promise<void> {
  const { rows } = await database.query<{ pid: number }>(sql`select pg_backend_pid() as pid`);
  // the fourth field of /proc/PID/stat is the parent, the server itself; the second, a name, may hold blanks
  const stat = await readFile(`/proc/${rows[0]?.pid}/stat`, "utf8");
  const serverPid = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
  process.kill(serverPid, "SIGQUIT");
}

/** `pg_terminate_backend` of some sessions at a time. */
export const terminateSessions: Cell = {
  name: "pg_terminate_backend of random sessions",
  disturb: async ({ database }, chance) => {
    while (!chance.signal.aborted) {
      const { rows } = await database.query<{ pid: number }>(sql`
        select pid from pg_stat_activity
        where backend_type = 'client backend' and application_name <> ${rigSessions} order by pid`);
      const unlucky = rows.filter(() => chance.random() < 0.2).map(({ pid }) => pid);
      await database.query(sql`select pg_terminate_backend(pid) from unnest(${unlucky}::int[]) as unlucky (pid)`);
      if (unlucky.length > 0) chance.count();
      await chance.wait(100, 600);
    }
  },
};
