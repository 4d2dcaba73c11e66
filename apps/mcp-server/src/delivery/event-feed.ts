import type { Subscriptions } from "@devmesh/agents";
import { compareCursors, type EventCursor, matchesTopic, mayTakeEvents, type TenantId } from "@devmesh/models";
import type { Logger } from "@devmesh/observability";
import { encodeMessage } from "@devmesh/protocol";
import { runLoop, sleep } from "@devmesh/runtime";
import type { Connection } from "../connections/connection.ts";
import type { EventStore, PlacedEvent } from "../stores.ts";

export interface EventFeedOptions {
  readonly store: EventStore;
  /** Between two looks without being told of new events. */
  readonly lookMs: number;
  readonly logger: Logger;
}

/**
 * Sends EVENT without `seq` to those connections of this node whose plain subscriptions take it: at most once, in order,
 * and not at all to one that reads too slowly.
 */
export interface EventFeed {
  /** What a connection has subscribed now. It gets what comes after `cursor`. */
  follow(connection: Connection, subscriptions: Subscriptions): void;
  /** There are new events of these tenants. Never waits itself. */
  wake(tenantIds: readonly TenantId[]): void;
  /** Looks for all tenants now and then, until `signal` aborts. */
  run(signal: AbortSignal): Promise<void>;
}

interface Follower {
  readonly plain: readonly string[];
  /** What these take comes by the mailbox. */
  readonly durable: readonly string[];
  readonly after: EventCursor;
}

/** What this node reads of a tenant. */
interface Feed {
  readonly followers: Map<Connection, Follower>;
  cursor: EventCursor;
  isReading: boolean;
  /** There may be more than was read. */
  isBehind: boolean;
}

/** Events of one read. Judgement. */
const maxEvents = 500;

export function createEventFeed({ store, lookMs, logger }: EventFeedOptions): EventFeed {
  const feeds = new Map<TenantId, Feed>();

  async function read(tenantId: TenantId, feed: Feed): Promise<void> {
    feed.isReading = true;
    try {
      while (feed.isBehind && hasFollowers(feed)) {
        // whoever wakes meanwhile has it looked at again
        feed.isBehind = false;
        const events = await store.read(tenantId, feed.cursor, maxEvents);
        feed.isBehind ||= events.length === maxEvents;
        for (const event of events) sendEvent(feed, event);
        feed.cursor = events.at(-1)?.cursor ?? feed.cursor;
      }
    } catch (err) {
      logger.warn({ err, tenantId }, "events could not be read");
    } finally {
      feed.isReading = false;
    }
    if (feed.followers.size === 0 && feeds.get(tenantId) === feed) feeds.delete(tenantId);
  }

  function wake(tenantIds: readonly TenantId[]): void {
    for (const tenantId of tenantIds) {
      const feed = feeds.get(tenantId);
      if (feed === undefined) continue;
      feed.isBehind = true;
      if (!feed.isReading) void read(tenantId, feed);
    }
  }

  return {
    follow(connection, { topics, cursor }) {
      const { tenantId } = connection;
      const feed = feeds.get(tenantId) ?? { followers: new Map(), cursor, isReading: false, isBehind: false };
      const follower = toFollower(topics, feed.followers.get(connection)?.after ?? cursor);
      if (follower.plain.length === 0) feed.followers.delete(connection);
      else feed.followers.set(connection, follower);
      if (feed.followers.size === 0) return;
      feeds.set(tenantId, feed);
      wake([tenantId]);
    },
    wake,
    run: (signal) =>
      runLoop({
        name: "event feed",
        signal,
        logger,
        work: async () => {
          await sleep(lookMs, signal);
          if (!signal.aborted) wake([...feeds.keys()]);
        },
      }),
  };
}

function toFollower(topics: Subscriptions["topics"], after: EventCursor): Follower {
  const ofEvents = topics.filter(({ topic }) => mayTakeEvents(topic));
  return {
    plain: ofEvents.filter(({ isDurable }) => !isDurable).map(({ topic }) => topic),
    durable: ofEvents.filter(({ isDurable }) => isDurable).map(({ topic }) => topic),
    after,
  };
}

/** Forgets those that are over. */
function hasFollowers({ followers }: Feed): boolean {
  for (const connection of followers.keys()) if (connection.isClosed) followers.delete(connection);
  return followers.size > 0;
}

function sendEvent({ followers }: Feed, { cursor, event }: PlacedEvent): void {
  const topic = event.type;
  const takes = (patterns: readonly string[]): boolean => patterns.some((pattern) => matchesTopic(pattern, topic));
  let frame: ReturnType<typeof encodeMessage> | undefined;
  for (const [connection, { plain, durable, after }] of followers) {
    if (compareCursors(cursor, after) <= 0 || connection.isClosed || connection.isSlow) continue;
    if (!takes(plain) || takes(durable)) continue;
    frame ??= encodeMessage("EVENT", { topic, event });
    connection.sendFrame(frame);
  }
}
