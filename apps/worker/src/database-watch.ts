import { toAppError } from "@devmesh/models";
import { type Database, sql } from "@devmesh/repositories";
import { sleep } from "@devmesh/runtime";

/** Whether the database answers, as far as is known. */
export interface DatabaseWatch {
  readonly isUp: boolean;
  /** Says that a statement has just failed with this; only an absent database counts. */
  noteFailure(error: unknown): void;
}

/** A handler that fails tells sooner. Judgement: one statement in 10 s keeps an idle worker quiet. */
const upPauseMs = 10_000;
const downPauseMs = 500;

/** Asks the database from time to time whether it is there, until `signal` aborts: consumers stop receiving while not. */
export function watchDatabase(
  database: Database,
  signal: AbortSignal,
): DatabaseWatch & { readonly ended: Promise<void> } {
  let isUp = true;
  async function watch(): Promise<void> {
    while (!signal.aborted) {
      isUp = await database.query(sql`select 1`).then(
        () => true,
        () => false,
      );
      await sleep(isUp ? upPauseMs : downPauseMs, signal);
    }
  }
  return {
    get isUp() {
      return isUp;
    },
    noteFailure: (error) => {
      if (toAppError(error).code === "unavailable") isUp = false;
    },
    ended: watch(),
  };
}
