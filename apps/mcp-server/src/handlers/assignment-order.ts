/** The words about assignments that are under way on one connection, by assignment. */
export type AssignmentOrder = Map<string, Entry>;

interface Entry {
  /** The turn in which it was handed to the engine; undefined where nothing may join it. */
  readonly turn: number | undefined;
  readonly done: Promise<unknown>;
}

/**
 * Lets the words about one assignment take effect in order of arrival. Those of one turn of the event loop go to the
 * engine together, which keeps their order; a later one waits for those before it. Words about different assignments do
 * not wait for each other.
 *
 * @param isAlone nothing may join it: its work has several steps.
 */
export function performInOrder<T>(
  order: AssignmentOrder,
  { assignmentId, turn, isAlone }: { readonly assignmentId: string; readonly turn: number; readonly isAlone: boolean },
  perform: () => Promise<T>,
): Promise<T> {
  const before = order.get(assignmentId);
  const joins = before === undefined || before.turn === turn;
  const done = joins ? perform() : before.done.then(perform, perform);
  const entry: Entry = { turn: joins && !isAlone ? turn : undefined, done };
  order.set(assignmentId, entry);
  const forget = (): void => {
    if (order.get(assignmentId) === entry) order.delete(assignmentId);
  };
  done.then(forget, forget);
  return done;
}
