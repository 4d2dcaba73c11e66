import { sql } from "@devmesh/repositories";
import type { Cell } from "../run-cell.ts";

/** Every write to the ledger fails with 53100 for a while: in its statement, or only at its commit. */
export const fullDisk: Cell = {
  name: "disk full (53100)",
  disturb: async ({ database }, chance) => {
    while (!chance.signal.aborted) {
      await database.query(sql`update fault.disk set is_full = true, at_commit = ${chance.random() < 0.5}`);
      chance.count();
      await chance.wait(100, 1_000);
      await database.query(sql`update fault.disk set is_full = false`);
      await chance.wait(100, 700);
    }
  },
};
