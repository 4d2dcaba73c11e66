import type { A2ARequestHandler } from "@a2a-js/sdk/server";
import { toA2aError } from "./a2a-errors.ts";

/**
 * The same handler, but that what it throws is what a client may be told; streams are held to it where they are written.
 *
 * @param report hears of our own mistakes.
 */
export function tellOfFailures(handler: A2ARequestHandler, report: (error: unknown) => void): A2ARequestHandler {
  const telling = <Args extends unknown[], Result>(call: (...args: Args) => Promise<Result>) => {
    return async (...args: Args): Promise<Result> => {
      try {
        return await call(...args);
      } catch (error) {
        throw toA2aError(error, report);
      }
    };
  };
  return {
    ...handler,
    sendMessage: telling(handler.sendMessage),
    getTask: telling(handler.getTask),
    cancelTask: telling(handler.cancelTask),
    listTasks: telling(handler.listTasks),
  };
}
