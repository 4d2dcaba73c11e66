import type { ServiceProcess } from "@devmesh/testing";
import type { Chance } from "../chance.ts";
import { leaseMs } from "../rig.ts";
import type { Cell } from "../run-cell.ts";

/** SIGSTOP for longer than a lease, then SIGCONT: the process wakes as a zombie, with what it held given to others. */
async function pauseInTurn(processes: () => readonly ServiceProcess[], chance: Chance): Promise<void> {
  for (let number = 0; !chance.signal.aborted; number++) {
    const paused = processes()[number % processes().length];
    paused?.pause();
    chance.count();
    try {
      // all of it, also past the end of the cell's time: a shorter one would make no zombie
      await new Promise((resolve) => setTimeout(resolve, leaseMs + chance.between(300, 1_500)));
    } finally {
      paused?.resume();
    }
    await chance.wait(300, 1_000);
  }
}

/** The agents' side. */
export const pauseAgents: Cell = {
  name: "SIGSTOP of agents",
  disturb: ({ hosts }, chance) => pauseInTurn(() => hosts.map(({ process }) => process), chance),
};

/** The mesh's side: frames that arrived meanwhile are read late, under fences that others have passed. */
export const pauseServices: Cell = {
  name: "SIGSTOP of a service",
  disturb: ({ fleet }, chance) => {
    const services = [fleet.mcp[0], fleet.workers[0], fleet.mcp[1], fleet.rest, fleet.workers[1]];
    return pauseInTurn(() => services.flatMap((service) => (service === undefined ? [] : [service.process])), chance);
  },
};
