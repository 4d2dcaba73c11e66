import { AsyncLocalStorage } from "node:async_hooks";
import { assert } from "@devmesh/models";

/** Knows whether the running code is inside a transaction of one database. */
export interface TransactionGuard {
  run<T>(work: () => Promise<T>): Promise<T>;
  /** Fails inside a transaction's `work`: waiting for another connection there is how pools come to a standstill. */
  assertOutside(): void;
}

export function createTransactionGuard(): TransactionGuard {
  const running = new AsyncLocalStorage<{ isOpen: boolean }>();
  return {
    run: async (work) => {
      const mark = { isOpen: true };
      try {
        return await running.run(mark, work);
      } finally {
        // What was started inside and outlives the transaction is outside from here on.
        mark.isOpen = false;
      }
    },
    assertOutside: () => assert(running.getStore()?.isOpen !== true, "the database is used inside a transaction"),
  };
}
