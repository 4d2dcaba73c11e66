import type { Cell } from "../run-cell.ts";

/** A transaction is durable, and the connection ends before the client hears of it. */
export const loseCommitAnswers: Cell = {
  name: "commit done, answer lost",
  disturb: async ({ commitAnswers }, chance) => {
    const random = (): number => {
      const drawn = chance.random();
      if (drawn < share) chance.count();
      return drawn;
    };
    const share = 0.08;
    commitAnswers.lose(share, random);
    while (!chance.signal.aborted) await chance.wait(500, 500);
    commitAnswers.lose(0, random);
  },
};
