/**
 * Runs all items, at most `max` at a time. After a failure nothing more is started; what runs is waited for, and the
 * first failure is thrown.
 */
export async function runBounded<T>(items: readonly T[], max: number, run: (item: T) => Promise<void>): Promise<void> {
  const queue = items.values();
  const failures: unknown[] = [];
  async function work(): Promise<void> {
    for (const item of queue) {
      try {
        await run(item);
      } catch (error) {
        failures.push(error);
      }
      if (failures.length > 0) return;
    }
  }
  await Promise.all(Array.from({ length: Math.min(max, items.length) }, work));
  if (failures.length > 0) throw failures[0];
}
