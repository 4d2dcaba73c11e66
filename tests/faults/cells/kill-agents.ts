import type { Cell } from "../run-cell.ts";

/** SIGKILL of a process with agents; it comes back, and its agents take their names again. */
export const killAgents: Cell = {
  name: "SIGKILL of agents",
  disturb: async ({ hosts }, chance) => {
    while (!chance.signal.aborted) {
      const host = chance.pick(hosts);
      await host.process.kill();
      chance.count();
      await chance.wait(0, 500);
      await host.start();
      await chance.wait(500, 1_500);
    }
  },
};
