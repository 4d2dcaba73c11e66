import { sql } from "@devmesh/repositories";
import { rigSessions } from "../rig.ts";
import type { Cell } from "../run-cell.ts";

/** Postgres shuts down and comes back. */
export const restartPostgres: Cell = {
  name: "Postgres stopped and started",
  disturb: async ({ fleet: { services } }, chance) => {
    while (!chance.signal.aborted) {
      await services.stopPostgres();
      chance.count();
      await chance.wait(200, 2_000);
      await services.startPostgres();
      await chance.wait(1_000, 2_500);
    }
  },
};

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
