import type { Follower } from "./follower.ts";

/** Who follows which stream of a session on this node: one response a stream. */
export interface Followers {
  /** The one before is closed: the newest connection is the living one. */
  attach(stream: string, follower: Follower): void;
  detach(stream: string): void;
  detachAll(): void;
  write(stream: string, seq: number, text: string): void;
  isFollowed(stream: string): boolean;
  hasOpen(): boolean;
}

export function createFollowers(): Followers {
  const followers = new Map<string, Follower>();

  function detach(stream: string): void {
    followers.get(stream)?.close();
    followers.delete(stream);
  }

  return {
    attach(stream, follower) {
      detach(stream);
      followers.set(stream, follower);
    },
    detach,
    detachAll() {
      for (const stream of [...followers.keys()]) detach(stream);
    },
    write: (stream, seq, text) => followers.get(stream)?.write(seq, text),
    isFollowed: (stream) => followers.get(stream)?.isClosed === false,
    hasOpen: () => [...followers.values()].some(({ isClosed }) => !isClosed),
  };
}
