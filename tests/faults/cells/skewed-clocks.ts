import { fileURLToPath } from "node:url";
import type { Rig } from "../rig.ts";
import type { Cell } from "../run-cell.ts";

const preload = fileURLToPath(new URL("../skewed-clock.ts", import.meta.url));
const skewMs = 600_000;

interface Restartable {
  readonly process: { kill(): Promise<unknown> };
  start(env?: Readonly<Record<string, string>>): Promise<void>;
}

/** One process at a time, each kind in turn and at least once, has a wall clock that is 10 minutes ahead or behind. */
export const skewClocks: Cell = {
  name: "clock of one process off by 10 minutes",
  disturb: async (rig, chance) => {
    const inTurn = processesOf(rig);
    const kinds = 4;
    for (let number = 0; number < kinds || !chance.signal.aborted; number++) {
      const one = inTurn[number % inTurn.length];
      if (one === undefined) return;
      const ahead = chance.random() < 0.5;
      await one.process.kill();
      await one.start({ NODE_OPTIONS: `--import=${preload}`, SKEW_MS: String(ahead ? skewMs : -skewMs) });
      chance.count();
      await chance.wait(700, 1_500);
      await one.process.kill();
      await one.start();
    }
  },
};

function processesOf({ fleet, hosts }: Rig): readonly (Restartable | undefined)[] {
  return [fleet.mcp[0], fleet.workers[0], fleet.rest, hosts[0], fleet.mcp[1], fleet.workers[1], hosts[1]];
}
