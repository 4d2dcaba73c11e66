import { openPostgres, sql } from "@devmesh/repositories";
import { type Rig, rigSessions } from "../rig.ts";
import type { Cell } from "../run-cell.ts";

const engine = { role: "devmesh_engine" } as const;
/** More than the server allows. */
const sessions = 210;

/** Every connection of the services' pools waits for a lock, so that whoever wants one waits in vain. */
async function lockTasks({ database }: Rig, work: () => Promise<void>): Promise<void> {
  await database.transaction(engine, async (tx) => {
    await tx.query(sql`reset role`);
    await tx.query(sql`lock table task in access exclusive mode`);
    await work();
  });
}

/** Every connection that the server has is taken by others, and the services' own are ended. */
async function takeAllSessions({ fleet, database }: Rig, work: () => Promise<void>): Promise<void> {
  const url = fleet.services.databaseUrl;
  await using crowd = openPostgres({ url, applicationName: rigSessions, maxConnections: sessions });
  const release = Promise.withResolvers<void>();
  const sit = (): Promise<void> => crowd.transaction(engine, () => release.promise).catch(() => undefined);
  const crowded = Array.from({ length: sessions }, sit);
  try {
    await new Promise((resolve) => setTimeout(resolve, 500));
    await database.query(sql`
      select pg_terminate_backend(pid) from pg_stat_activity
      where backend_type = 'client backend' and application_name <> ${rigSessions}`);
    crowded.push(...Array.from({ length: sessions }, sit));
    await work();
  } finally {
    release.resolve();
    await Promise.all(crowded);
  }
}

/** No connection to be had: of the pool, then of the server. */
export const exhaustPool: Cell = {
  name: "pool exhausted",
  disturb: async (rig, chance) => {
    for (let number = 0; !chance.signal.aborted; number++) {
      const exhaust = number % 2 === 0 ? lockTasks : takeAllSessions;
      chance.count();
      await exhaust(rig, () => chance.wait(1_500, 3_500));
      await chance.wait(300, 1_000);
    }
  },
};
