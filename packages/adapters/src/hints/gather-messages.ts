import type { FanOut } from "../redis/fan-out.ts";

/** NOTIFY's limit is 7,999 bytes; what is left over is for the carrier's own words. */
const maxMessageBytes = 7_000;

/** Gathers items for channels and publishes those of one turn of the event loop together, as JSON arrays. */
export interface MessageGatherer extends AsyncDisposable {
  /**
   * `item` is JSON. Of equal items that are gathered one is sent. Never throws, never waits. With `pauseMs`, what is added
   * less than that after the last message on the channel goes when it is over: under load a message is a system call
   * that carries one or two items.
   */
  add(channel: string, item: unknown, pauseMs?: number): void;
}

export function gatherMessages(fanOut: Pick<FanOut, "publish">): MessageGatherer {
  let itemsByChannel = new Map<string, Set<string>>();
  let turn: NodeJS.Immediate | undefined;
  const pausing = new Map<string, { readonly timer: NodeJS.Timeout; readonly items: Set<string> }>();

  async function publish(gathered: ReadonlyMap<string, ReadonlySet<string>>): Promise<void> {
    const published = [...gathered].flatMap(([channel, items]) =>
      joinItems(items).map((message) => fanOut.publish(channel, message)),
    );
    // a publish tells a failure by its answer, which nobody asks for: hints may be lost
    await Promise.allSettled(published);
  }

  function flush(): Promise<void> {
    clearImmediate(turn);
    turn = undefined;
    const gathered = itemsByChannel;
    itemsByChannel = new Map();
    return publish(gathered);
  }

  function gather(channel: string, item: string): void {
    const items = itemsByChannel.get(channel) ?? new Set();
    itemsByChannel.set(channel, items.add(item));
    turn ??= setImmediate(() => void flush());
  }

  function pause(channel: string, pauseMs: number): void {
    const items = new Set<string>();
    const timer = setTimeout(() => {
      pausing.delete(channel);
      if (items.size === 0) return;
      pause(channel, pauseMs);
      void publish(new Map([[channel, items]]));
    }, pauseMs);
    pausing.set(channel, { timer, items });
  }

  return {
    add(channel, item, pauseMs) {
      const json = JSON.stringify(item);
      const paused = pausing.get(channel);
      // what this turn sends anyway takes the rest of the turn along
      if (paused !== undefined && !itemsByChannel.has(channel)) {
        paused.items.add(json);
        return;
      }
      gather(channel, json);
      if (pauseMs !== undefined && paused === undefined) pause(channel, pauseMs);
    },
    async [Symbol.asyncDispose]() {
      const left = new Map([...pausing].map(([channel, { items }]) => [channel, items]));
      for (const { timer } of pausing.values()) clearTimeout(timer);
      pausing.clear();
      await Promise.all([flush(), publish(left)]);
    },
  };
}

/** Joins JSON texts to arrays of at most {@link maxMessageBytes}; an item that is larger by itself is left out. */
export function joinItems(items: Iterable<string>): readonly string[] {
  const messages: string[] = [];
  let parts: string[] = [];
  let bytes = 1;
  for (const item of items) {
    const itemBytes = Buffer.byteLength(item) + 1;
    if (itemBytes >= maxMessageBytes) continue;
    if (bytes + itemBytes > maxMessageBytes) {
      messages.push(`[${parts.join(",")}]`);
      parts = [];
      bytes = 1;
    }
    parts.push(item);
    bytes += itemBytes;
  }
  return parts.length === 0 ? messages : [...messages, `[${parts.join(",")}]`];
}
