import { calm } from "../proxy/queue-proxy.ts";
import type { Cell } from "../run-cell.ts";

/** SQS answers 5xx, loses answers, sends messages twice, late, in another order, and again after their deletion. */
export const unrulyQueue: Cell = {
  name: "SQS: 5xx, duplicates, reordering, delays",
  disturb: async ({ queue }, chance) => {
    while (!chance.signal.aborted) {
      const before = queue.faults;
      const moods = {
        refused: chance.between(0, 0.5),
        unanswered: chance.between(0, 0.2),
        doubled: chance.between(0, 0.5),
        undeleted: chance.between(0, 0.3),
        maxDelayMs: chance.between(0, 1_500),
      };
      queue.behave(moods, chance.random);
      await chance.wait(1_000, 2_500);
      for (let fault = before; fault < queue.faults; fault++) chance.count();
    }
    queue.behave(calm, chance.random);
  },
};
