import { leaseMs } from "../rig.ts";
import type { Cell } from "../run-cell.ts";

/** The agents' network is cut and healed every 2 s. */
export const cutNetworks: Cell = {
  name: "agents' network cut and healed every 2 s",
  disturb: async ({ networks }, chance) => {
    while (!chance.signal.aborted) {
      const cutMs = chance.between(200, 1_500);
      for (const network of networks) network.cut();
      chance.count();
      await chance.wait(cutMs, cutMs);
      for (const network of networks) network.heal();
      await chance.wait(2_000 - cutMs, 2_000 - cutMs);
    }
  },
};

/** One node's network hangs for longer than a lease; then everything arrives that was sent meanwhile. */
export const stallNetworks: Cell = {
  name: "agents' network hangs past the lease",
  disturb: async ({ networks }, chance) => {
    while (!chance.signal.aborted) {
      const network = chance.pick(networks);
      network.stall();
      chance.count();
      await new Promise((resolve) => setTimeout(resolve, leaseMs + chance.between(200, 1_500)));
      network.heal();
      await chance.wait(300, 1_000);
    }
  },
};
