import { AppError } from "@devmesh/models";

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
  const queue = new Set<() => void>();
  let inFlight = 0;

  function busy(): AppError {
    const message = `${what} has ${inFlight} calls under way and ${queue.size} waiting, of at most ${max} and ${maxWaiting}`;
    return new AppError("resource_exhausted", message, { reason: "busy", retryAfterMs });
  }

  function wait(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      function leave(): void {
        clearTimeout(timer);
        signal.removeEventListener("abort", giveUp);
        queue.delete(enter);
      }
      function enter(): void {
        leave();
        resolve();
      }
      function giveUp(): void {
        leave();
        reject(new AppError("cancelled", `the call of ${what} was cancelled while it waited`));
      }
      const timer = setTimeout(() => {
        leave();
        reject(busy());
      }, maxWaitMs);
      signal.addEventListener("abort", giveUp, { once: true });
      queue.add(enter);
    });
  }

  /** Hands the place on, without anybody coming between, or frees it. */
  function giveBack(): void {
    const [next] = queue;
    if (next === undefined) inFlight -= 1;
    else next();
  }

  async function take(signal: AbortSignal): Promise<() => void> {
    if (signal.aborted) throw new AppError("cancelled", `the call of ${what} was cancelled before it began`);
    if (inFlight < max) inFlight += 1;
    else if (queue.size >= maxWaiting) throw busy();
    else await wait(signal);
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
