import { toAppError } from "@devmesh/models";
import { type Database, sql } from "@devmesh/repositories";
import { createNudge } from "@devmesh/runtime";

/** Whether the database answers, as far as is known. */
export interface DatabaseWatch {
  readonly isUp: boolean;
  /** Says that a statement has just failed with this; only an absent database counts. */
  noteFailure(error: unknown): void;
}

/** Who fails says so, the look at what waits among them, twice as often: an idle worker is quiet. Judgement. */
const upPauseMs = 60_000;
const downPauseMs = 500;

/** Asks the database from time to time whether it is there, until `signal` aborts: consumers stop receiving while not. */
export function watchDatabase(
  database: Database,
  signal: AbortSignal,
): DatabaseWatch & { readonly ended: Promise<void> } {
  const nudge = createNudge();
  let isUp = true;
  async function watch(): Promise<void> {
    while (!signal.aborted) {
      isUp = await database.query(sql`select 1`).then(
        () => true,
        () => false,
      );
      await nudge.wait(isUp ? upPauseMs : downPauseMs, signal);
    }
  }
  return {
    get isUp() {
      return isUp;
    },
    noteFailure: (error) => {
      if (toAppError(error).code !== "unavailable") return;
      isUp = false;
      nudge.nudge();
    },
    ended: watch(),
  };
}
