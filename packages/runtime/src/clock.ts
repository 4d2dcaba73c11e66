/** Milliseconds since the epoch. An argument wherever time matters, so that tests never wait. */
export type Clock = () => number;

/** The machine's own clock. */
export const systemClock: Clock = () => Date.now();

/**
 * Milliseconds since the process began, by a clock that nobody sets: for everything that measures how long ago. What the
 * database wrote is compared with the database's own time only, as the clocks of two machines need not agree.
 */
export const monotonicClock: Clock = () => performance.now();
