/** What waits, by owner: each owner has its turn, and of its own the first comes first. */
export interface Turns<Item> {
  readonly size: number;
  sizeOf(owner: string): number;
  add(owner: string, item: Item): void;
  next(): Item | undefined;
  /** Takes all that is left. */
  clear(): readonly Item[];
}

export function createTurns<Item>(): Turns<Item> {
  // in the order of their turns
  const byOwner = new Map<string, Item[]>();
  let size = 0;
  return {
    get size() {
      return size;
    },
    sizeOf: (owner) => byOwner.get(owner)?.length ?? 0,
    add(owner, item) {
      const own = byOwner.get(owner) ?? [];
      byOwner.set(owner, own);
      own.push(item);
      size += 1;
    },
    next() {
      const [turn] = byOwner;
      if (turn === undefined) return undefined;
      const [owner, own] = turn;
      const item = own.shift();
      byOwner.delete(owner);
      if (own.length > 0) byOwner.set(owner, own);
      size -= 1;
      return item;
    },
    clear() {
      const all = [...byOwner.values()].flat();
      byOwner.clear();
      size = 0;
      return all;
    },
  };
}
