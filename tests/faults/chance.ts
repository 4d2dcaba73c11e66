import { setTimeout as delay } from "node:timers/promises";

/** The seeded choices of one cell, and the end of its time. */
export interface Chance {
  /** In [0, 1). */
  random(): number;
  pick<Item>(items: readonly Item[]): Item;
  between(min: number, max: number): number;
  /** Waits for a random time between the two, at most until the cell's time is up. */
  wait(minMs: number, maxMs: number): Promise<void>;
  /** Aborts when the cell's time is up. */
  readonly signal: AbortSignal;
  /** Counts one disturbance. */
  count(): void;
}

/** Numbers in [0, 1) that a seed and a word determine: mulberry32 over an FNV-1a hash. */
export function createRandom(seed: number, word: string): () => number {
  let state = seed | 0;
  for (const character of word) state = Math.imul(state ^ (character.codePointAt(0) ?? 0), 0x01000193);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export function createChance(random: () => number, signal: AbortSignal, count: () => void): Chance {
  const between = (min: number, max: number): number => min + random() * (max - min);
  return {
    random,
    between,
    pick: (items) => {
      const item = items[Math.floor(random() * items.length)];
      if (item === undefined) throw new Error("nothing to pick from");
      return item;
    },
    wait: async (minMs, maxMs) => {
      // cut short by the end of the cell's time
      await delay(between(minMs, maxMs), undefined, { signal }).catch(() => undefined);
    },
    signal,
    count,
  };
}
