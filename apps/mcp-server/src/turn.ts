/**
 * Gathers what is asked for within one turn of the event loop and hands it over at its end, each item once, in order of
 * first asking. `run` must not throw.
 */
export function gatherTurn<Item>(run: (items: readonly Item[]) => void): (item: Item) => void {
  let gathered = new Set<Item>();
  function finish(): void {
    const items = [...gathered];
    gathered = new Set();
    run(items);
  }
  return (item) => {
    if (gathered.size === 0) setImmediate(finish);
    gathered.add(item);
  };
}

/** Numbers the turns of the event loop, as far as anybody asks. */
export function createTurnCounter(): () => number {
  let turn = 0;
  let isAsked = false;
  return () => {
    if (!isAsked) {
      isAsked = true;
      setImmediate(() => {
        isAsked = false;
        turn++;
      });
    }
    return turn;
  };
}
