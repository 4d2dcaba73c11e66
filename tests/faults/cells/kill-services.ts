import type { FleetService } from "../../kit/fleet.ts";
import type { Rig } from "../rig.ts";
import type { Cell } from "../run-cell.ts";

/** SIGKILL of one kind of service, again and again; each comes back on its port after up to a second. */
function killing(name: string, servicesOf: (rig: Rig) => readonly FleetService[]): Cell {
  return {
    name,
    disturb: async (rig, chance) => {
      while (!chance.signal.aborted) {
        const service = chance.pick(servicesOf(rig));
        await service.kill();
        chance.count();
        await chance.wait(0, 1_000);
        await service.start();
        await chance.wait(0, 500);
      }
    },
  };
}

export const killMcpServers = killing("SIGKILL of an mcp-server", ({ fleet }) => fleet.mcp);
export const killWorkers = killing("SIGKILL of a worker", ({ fleet }) => fleet.workers);
export const killRestApi = killing("SIGKILL of the rest-api", ({ fleet }) => [fleet.rest]);
