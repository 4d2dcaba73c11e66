import { type ConnectionId, compareCursors, type EventCursor, type TenantId } from "@devmesh/models";
import { createLogger } from "@devmesh/observability";
import { expect, test } from "vitest";
import type { Connection } from "../connections/connection.ts";
import type { PlacedEvent } from "../stores.ts";
import { createEventFeed, type EventFeed } from "./event-feed.ts";

const tenantId = "01990000-0000-7000-8000-000000000001" as TenantId;

interface Reader {
  readonly connection: Connection;
  readonly got: string[];
}

/** A connection as far as the feed looks at it. */
function openReader(state: { isSlow?: boolean; isClosed?: boolean } = {}): Reader {
  const got: string[] = [];
  const sendFrame = ({ payload }: { readonly payload: Uint8Array }): void => {
    got.push(JSON.parse(Buffer.from(payload).toString()).event.id);
  };
  const connection = Object.assign(state, { id: "c" as ConnectionId, tenantId, sendFrame });
  return { connection: connection as unknown as Connection, got };
}

interface Bench {
  readonly feed: EventFeed;
  /** Adds events of this type at the next places. */
  readonly happen: (type: string, count?: number) => void;
  /** Lets the read that waits go, and all that follow. */
  readonly letGo: () => void;
  readonly reads: number[];
}

function openFeed({ isHeld = false } = {}): Bench {
  const events: PlacedEvent[] = [];
  const reads: number[] = [];
  const gate = Promise.withResolvers<void>();
  if (!isHeld) gate.resolve();
  const feed = createEventFeed({
    store: {
      read: async (_tenantId, after, limit) => {
        reads.push(after.recorded);
        const found = events.filter(({ cursor }) => compareCursors(cursor, after) > 0).slice(0, limit);
        await gate.promise;
        return found;
      },
    },
    lookMs: 1_000,
    logger: createLogger({ level: "silent", service: "mcp-server" }),
  });
  const happen: Bench["happen"] = (type, count = 1) => {
    for (let number = 0; number < count; number++) {
      const place = events.length + 1;
      const time = "2026-01-01T00:00:00.000Z";
      events.push({ cursor: at(place), event: { id: `${place}`, type, at: time, subject: "s", data: {} } });
    }
  };
  return { feed, happen, letGo: gate.resolve, reads };
}

/** Some transactions have written two events, some one. */
const at = (recorded: number): EventCursor => ({ xid: 700 + Math.floor(recorded / 2), recorded });
const plain = (...topics: string[]) => topics.map((topic) => ({ topic, isDurable: false }));
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test("sends what is newer than the subscription, however many reads that takes, each event once", async () => {
  const { feed, happen } = openFeed();
  happen("task.created", 3);
  const early = openReader();
  feed.follow(early.connection, { topics: plain("task.*", "*.created"), cursor: at(1) });
  await turn();
  const late = openReader();
  feed.follow(late.connection, { topics: plain("task.*"), cursor: at(3) });
  happen("task.created", 1_200);
  feed.wake([tenantId]);
  feed.wake([tenantId]);
  await turn();
  expect(early.got).toEqual(Array.from({ length: 1_202 }, (_, index) => `${index + 2}`));
  expect(late.got).toEqual(early.got.slice(2));
});

test("looks again when it was woken while it read", async () => {
  const { feed, happen, letGo } = openFeed({ isHeld: true });
  const reader = openReader();
  feed.follow(reader.connection, { topics: plain("task.*"), cursor: at(0) });
  happen("task.created");
  feed.wake([tenantId]);
  letGo();
  await turn();
  expect(reader.got).toEqual(["1"]);
});

test("leaves out who reads too slowly, who is gone, and what a durable topic of the same agent takes", async () => {
  const { feed, happen, reads } = openFeed();
  const slow = openReader({ isSlow: true });
  const gone = openReader({ isClosed: true });
  const both = openReader();
  const topics = [...plain("task.*"), { topic: "task.created", isDurable: true }];
  for (const { connection } of [slow, gone, both]) feed.follow(connection, { topics, cursor: at(0) });
  happen("task.created");
  happen("task.queued");
  feed.wake([tenantId]);
  await turn();
  expect([slow.got, gone.got, both.got]).toEqual([[], [], ["2"]]);
  feed.follow(slow.connection, { topics: [], cursor: at(2) });
  feed.follow(both.connection, { topics: plain("news.a"), cursor: at(2) });
  const before = reads.length;
  feed.wake([tenantId]);
  await turn();
  expect(reads.length).toBe(before);
});
