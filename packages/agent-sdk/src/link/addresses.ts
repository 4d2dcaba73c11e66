import { AppError } from "@devmesh/models";

/** The addresses of a mesh, of which one is in use. */
export interface Addresses {
  readonly current: string;
  /** The one in use failed, or sent the agent away: on to the next, and from the last to the first. */
  turn(): void;
}

/**
 * Begins anywhere in the list, so that agents that are given the same one spread over it.
 *
 * @throws AppError `invalid_argument` for an empty list.
 */
export function createAddresses(url: string | readonly string[], random: () => number): Addresses {
  const urls = typeof url === "string" ? [url] : url;
  let index = Math.floor(random() * urls.length);
  const [first] = urls;
  if (first === undefined) throw new AppError("invalid_argument", "url: an empty list names no server");
  return {
    get current() {
      return urls[index] ?? first;
    },
    turn() {
      index = (index + 1) % urls.length;
    },
  };
}
