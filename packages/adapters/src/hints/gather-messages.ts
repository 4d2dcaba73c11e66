import type { FanOut } from "../redis/fan-out.ts";

/** NOTIFY's limit is 7,999 bytes; what is left over is for the carrier's own words. */
const maxMessageBytes = 7_000;

/** Gathers items for channels and publishes those of one turn of the event loop together, as JSON arrays. */
export interface MessageGatherer extends AsyncDisposable {
  /** `item` is JSON. Of equal items of one turn one is sent. Never throws, never waits. */
  add(channel: string, item: unknown): void;
}

export function gatherMessages(fanOut: Pick<FanOut, "publish">): MessageGatherer {
  let itemsByChannel = new Map<string, Set<string>>();
  let turn: NodeJS.Immediate | undefined;

  async function flush(): Promise<void> {
    clearImmediate(turn);
    turn = undefined;
    const gathered = itemsByChannel;
    itemsByChannel = new Map();
    const published = [...gathered].flatMap(([channel, items]) =>
      joinItems(items).map((message) => fanOut.publish(channel, message)),
    );
    // a publish tells a failure by its answer, which nobody asks for: hints may be lost
    await Promise.allSettled(published);
  }

  return {
    add(channel, item) {
      const items = itemsByChannel.get(channel) ?? new Set();
      itemsByChannel.set(channel, items.add(JSON.stringify(item)));
      turn ??= setImmediate(() => void flush());
    },
    [Symbol.asyncDispose]: flush,
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
