import type { FanOut } from "./fan-out.ts";

/**
 * Publishes on `primary` while it is ready, else on `secondary`; listens on both, so that processes which judge the
 * primary differently still hear each other. Disposal closes both.
 */
export function fallbackFanOut(primary: FanOut, secondary: FanOut): FanOut {
  return {
    publish: async (channel, message) => {
      if (primary.isReady && (await primary.publish(channel, message))) return true;
      return secondary.publish(channel, message);
    },
    subscribe: async (channel, handler) => {
      const ends = await Promise.all([primary.subscribe(channel, handler), secondary.subscribe(channel, handler)]);
      return async () => {
        await Promise.all(ends.map((end) => end()));
      };
    },
    get isReady() {
      return primary.isReady || secondary.isReady;
    },
    [Symbol.asyncDispose]: async () => {
      await Promise.allSettled([primary[Symbol.asyncDispose](), secondary[Symbol.asyncDispose]()]);
    },
  };
}
