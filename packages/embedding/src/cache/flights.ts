import type { AppError, Vector } from "@devmesh/models";

/**
 * How one text's call ended: its vector or the error of the text itself; the failure of its model; or without any of
 * these, for a reason of its caller's own, so that whoever joined has to see for himself.
 */
export type Landing =
  | { readonly value: Vector | AppError }
  | { readonly failure: AppError }
  | { readonly isAbandoned: true };

/** Calls that are under way, by key, so that two requests for the same text share one. */
export interface Flights {
  /** The call under way for a key. Never rejects. */
  join(key: string): Promise<Landing> | undefined;
  /** Takes a key for oneself; whoever joins waits until it landed. */
  start(key: string): void;
  /** Ends what was started; does nothing for a key that has landed. */
  land(key: string, landing: Landing): void;
}

/** Bounded by its callers: each holds no more keys than its request has texts. */
export function createFlights(): Flights {
  const underWay = new Map<string, PromiseWithResolvers<Landing>>();
  return {
    join: (key) => underWay.get(key)?.promise,
    start: (key) => {
      underWay.set(key, Promise.withResolvers<Landing>());
    },
    land: (key, landing) => {
      underWay.get(key)?.resolve(landing);
      underWay.delete(key);
    },
  };
}
