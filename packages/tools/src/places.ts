import { AppError } from "@devmesh/models";
import { createQueue } from "./queue.ts";

/** How many may be inside, and wait outside. */
export interface PlacesOptions {
  /** Named in errors, such as `tool server github`. */
  readonly what: string;
  readonly max: number;
  readonly maxWaiting: number;
  readonly maxWaitMs: number;
}

/** A bound on calls at once, with a queue: first come, first served. */
export interface Places {
  readonly inFlight: number;
  readonly waiting: number;
  /**
   * Waits for a place; whoever has it gives it back, once, by calling what this gave.
   *
   * @throws AppError `resource_exhausted`, reason `busy`, where too many wait, or this one did so for too long; `cancelled`.
   */
  take(signal: AbortSignal): Promise<() => void>;
}

/** Judgement: many tools answer within a second. */
const retryAfterMs = 1_000;

/** Makes the places of one server or tenant. */
export function createPlaces({ what, max, maxWaiting, maxWaitMs }: PlacesOptions): Places {
  const queue = createQueue<undefined>();
  let inFlight = 0;

  function busy(): AppError {
    const message = `${what} has ${inFlight} calls under way and ${queue.size} waiting, of at most ${max} and ${maxWaiting}`;
    return new AppError("resource_exhausted", message, { reason: "busy", retryAfterMs });
  }

  /** Hands the place on, without anybody coming between, or frees it. */
  function giveBack(): void {
    const [next] = queue.waiters;
    if (next === undefined) inFlight -= 1;
    else next.enter();
  }

  async function take(signal: AbortSignal): Promise<() => void> {
    if (signal.aborted) throw new AppError("cancelled", `the call of ${what} was cancelled before it began`);
    if (inFlight < max) inFlight += 1;
    else if (queue.size >= maxWaiting) throw busy();
    else await queue.wait(undefined, { what, maxWaitMs, signal, tooLong: busy });
    return giveBack;
  }

  return {
    get inFlight() {
      return inFlight;
    },
    get waiting() {
      return queue.size;
    },
    take,
  };
}
