import { AppError, assert } from "@devmesh/models";
import { takeTurns } from "./take-turns.ts";

/** Gathers what is asked for one by one and does it together. */
export interface BatchWriter<Item, Result> {
  /**
   * @throws AppError `resource_exhausted` when too much is waiting already; else what the work threw.
   */
  add(item: Item): Promise<Result>;
}

/** How items are gathered, and who writes them. */
export interface BatchWriterOptions<Item, Result> {
  /** Results in the order of the items. */
  readonly run: (items: readonly Item[]) => Promise<readonly Result[]>;
  readonly maxBatch: number;
  /** How many batches may be under way at once. */
  readonly concurrency: number;
  /**
   * After a batch of at least `from` items the next one waits for company: half as long as that one took, at most
   * `maxMs`. Not at all unless given.
   */
  readonly linger?: { readonly from: number; readonly maxMs: number };
  /** How many may wait. */
  readonly maxWaiting: number;
  /** Items of one key go in the order in which they were added, never in two batches at once. */
  readonly keyOf?: (item: Item) => string;
  /** Whose item it is: where more waits than fits, owners take turns. All items of one key are one owner's. */
  readonly ownerOf?: (item: Item) => string;
  /** How much an item counts towards `maxBatch`; 1 unless said otherwise. */
  readonly weigh?: (item: Item) => number;
}

interface Waiting<Item, Result> {
  readonly item: Item;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Group commit: what is added in one turn of the event loop goes together, and what comes while a batch is under way
 * goes with the next. A batch that fails for another reason than an absent database is done again item by item, so that
 * one bad item harms no other.
 */
export function createBatchWriter<Item, Result>(options: BatchWriterOptions<Item, Result>): BatchWriter<Item, Result> {
  const waiting: Waiting<Item, Result>[] = [];
  const runningKeys = new Set<string>();
  let running = 0;
  let isScheduled = false;
  let isLingering = false;

  function schedule(): void {
    if (isScheduled || isLingering || running >= options.concurrency || waiting.length === 0) return;
    isScheduled = true;
    setImmediate(() => {
      isScheduled = false;
      void flush();
    });
  }

  /** Who is answered together, asks again together: a moment later the next batch is as large as this one was. */
  function linger(size: number, tookMs: number): void {
    if (options.linger === undefined || size < options.linger.from || isLingering) return;
    isLingering = true;
    setTimeout(
      () => {
        isLingering = false;
        schedule();
      },
      Math.min(tookMs / 2, options.linger.maxMs),
    );
  }

  async function flush(): Promise<void> {
    const batch = takeBatch(waiting, runningKeys, options);
    if (batch.length === 0) return;
    const keys = batch.map(({ item }) => options.keyOf?.(item)).filter((key) => key !== undefined);
    for (const key of keys) runningKeys.add(key);
    running++;
    schedule();
    const begunAt = performance.now();
    try {
      await settle(batch, options.run);
    } finally {
      for (const key of keys) runningKeys.delete(key);
      running--;
      linger(batch.length, performance.now() - begunAt);
      schedule();
    }
  }

  return {
    add(item) {
      if (waiting.length >= options.maxWaiting) {
        const message = `${waiting.length} writes are waiting, the limit is ${options.maxWaiting}`;
        return Promise.reject(new AppError("resource_exhausted", message, { retryAfterMs: 1_000 }));
      }
      return new Promise<Result>((resolve, reject) => {
        waiting.push({ item, resolve, reject });
        schedule();
      });
    },
  };
}

/** Takes the first that fit out of the list; what shares a key with a running batch, or with one passed over, stays. */
function takeBatch<Item, Result>(
  waiting: Waiting<Item, Result>[],
  runningKeys: ReadonlySet<string>,
  { maxBatch, keyOf, ownerOf, weigh = () => 1 }: BatchWriterOptions<Item, Result>,
): Waiting<Item, Result>[] {
  const batch: Waiting<Item, Result>[] = [];
  const left: Waiting<Item, Result>[] = [];
  const leftKeys = new Set<string>();
  let weight = 0;
  for (const one of ownerOf === undefined ? waiting : takeTurns(waiting, ({ item }) => ownerOf(item))) {
    const key = keyOf?.(one.item);
    const mustWait = key !== undefined && (runningKeys.has(key) || leftKeys.has(key));
    const fits = batch.length === 0 || weight + weigh(one.item) <= maxBatch;
    if (fits && !mustWait) {
      batch.push(one);
      weight += weigh(one.item);
    } else {
      left.push(one);
      if (key !== undefined) leftKeys.add(key);
    }
  }
  waiting.splice(0, waiting.length, ...left);
  return batch;
}

async function settle<Item, Result>(
  batch: readonly Waiting<Item, Result>[],
  run: BatchWriterOptions<Item, Result>["run"],
): Promise<void> {
  try {
    const results = await retryLostRaces(() => run(batch.map(({ item }) => item)));
    assert(results.length === batch.length, `${results.length} results for ${batch.length} writes`);
    for (const [index, { resolve }] of batch.entries()) resolve(results[index] as Result);
  } catch (error) {
    if (batch.length === 1 || isPointless(error)) {
      for (const { reject } of batch) reject(error);
      return;
    }
    for (const one of batch) await settle([one], run);
  }
}

/** How often a transaction that Postgres ended for another's sake is done again at once. */
const maxRaces = 3;

/** A deadlock, or a plan that a migration made stale: the same again succeeds. */
async function retryLostRaces<T>(run: () => Promise<T>): Promise<T> {
  for (let lost = 0; ; lost++) {
    try {
      return await run();
    } catch (error) {
      const isLostRace = error instanceof AppError && error.reason === "serialization";
      if (!isLostRace || lost === maxRaces) throw error;
    }
  }
}

/** Without a database one by one fails as well, and more slowly. */
function isPointless(error: unknown): boolean {
  return error instanceof AppError && (error.code === "unavailable" || error.code === "deadline_exceeded");
}
