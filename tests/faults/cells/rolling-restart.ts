import type { Cell } from "../run-cell.ts";

/** Every service in turn ends orderly and starts again, as a deployment does it; once round at least. */
export const rollingRestart: Cell = {
  name: "rolling restart",
  disturb: async ({ fleet }, chance) => {
    do {
      for (const service of [...fleet.workers, ...fleet.mcp, fleet.rest]) {
        await service.stop();
        await service.start();
        chance.count();
        await chance.wait(0, 300);
      }
    } while (!chance.signal.aborted);
  },
};
