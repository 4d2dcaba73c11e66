/** Orders items so that their owners take turns: one with thousands doesn't keep the others waiting. Stable. */
export function takeTurns<Item>(items: readonly Item[], ownerOf: (item: Item) => string): readonly Item[] {
  const byOwner = [...Map.groupBy(items, ownerOf).values()];
  if (byOwner.length < 2) return items;
  const longest = Math.max(...byOwner.map(({ length }) => length));
  return Array.from({ length: longest }, (_, turn) =>
    byOwner.flatMap((ofOwner) => ofOwner.slice(turn, turn + 1)),
  ).flat();
}
