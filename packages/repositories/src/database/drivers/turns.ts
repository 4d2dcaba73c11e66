import { AppError } from "@devmesh/models";

/** Lets callers through one at a time, in the order in which they came. */
export interface Turns {
  /** @throws AppError `unavailable` after `close`. */
  take<T>(work: () => Promise<T>): Promise<T>;
  /** Lets nobody in any more, and resolves when the last one is through. */
  close(): Promise<void>;
}

export function createTurns(): Turns {
  let last: Promise<unknown> = Promise.resolve();
  let isClosed = false;
  return {
    take: (work) => {
      if (isClosed) return Promise.reject(new AppError("unavailable", "the database is closed"));
      const turn = last.then(work);
      // The next one's turn comes whether this one failed or not.
      last = turn.catch(() => undefined);
      return turn;
    },
    close: async () => {
      isClosed = true;
      await last;
    },
  };
}
