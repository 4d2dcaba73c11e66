import { AppError } from "@devmesh/models";
import { sleep } from "@devmesh/runtime";

/** Judgement: databases that fail over are away for seconds. */
const againMs = 500;

/** Does it again and again while the database is away, until `signal` says that there is no use in it. */
export async function whileDatabaseIsAway<Value>(work: () => Promise<Value>, signal: AbortSignal): Promise<Value> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!isAway(error) || signal.aborted) throw error;
      await sleep(againMs, signal);
    }
  }
}

function isAway(error: unknown): boolean {
  return error instanceof AppError && (error.code === "unavailable" || error.code === "deadline_exceeded");
}
