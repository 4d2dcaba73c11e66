export interface LruCache<Value> {
  get(key: string, now: number): Value | undefined;
  set(key: string, value: Value, expiresAt: number): void;
}

interface Entry<Value> {
  readonly value: Value;
  readonly expiresAt: number;
}

/** A map of at most `maxEntries`: past that, what was used longest ago goes. An entry is gone at its `expiresAt`. */
export function createLruCache<Value>(maxEntries: number): LruCache<Value> {
  // A Map iterates in order of insertion: the first key is the one used longest ago.
  const entries = new Map<string, Entry<Value>>();

  function get(key: string, now: number): Value | undefined {
    const entry = entries.get(key);
    if (entry === undefined) return undefined;
    entries.delete(key);
    if (entry.expiresAt <= now) return undefined;
    entries.set(key, entry);
    return entry.value;
  }

  function set(key: string, value: Value, expiresAt: number): void {
    entries.delete(key);
    entries.set(key, { value, expiresAt });
    if (entries.size <= maxEntries) return;
    const [oldest] = entries.keys();
    if (oldest !== undefined) entries.delete(oldest);
  }

  return { get, set };
}
