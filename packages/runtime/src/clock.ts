/** Milliseconds since the epoch. An argument wherever time matters, so that tests never wait. */
export type Clock = () => number;

/** The machine's own clock. */
export const systemClock: Clock = () => Date.now();
