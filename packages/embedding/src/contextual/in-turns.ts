/** Does something with every item, at most `width` at a time. After the first failure nothing more is begun; it is thrown. */
export async function inTurns<T>(items: readonly T[], width: number, work: (item: T) => Promise<void>): Promise<void> {
  const waiting = items.values();
  let hasFailed = false;
  const worker = async (): Promise<void> => {
    for (const item of waiting) {
      if (hasFailed) return;
      try {
        await work(item);
      } catch (caught) {
        hasFailed = true;
        throw caught;
      }
    }
  };
  // all have ended before this does: what they spent is known then
  const ends = await Promise.allSettled(Array.from({ length: Math.min(width, items.length) }, worker));
  for (const end of ends) if (end.status === "rejected") throw end.reason;
}
