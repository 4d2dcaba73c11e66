import { memoryFanOut, memorySessions, type SessionStore } from "@devmesh/adapters";
import type { ApiKeyId, NodeId, TenantId } from "@devmesh/models";
import { createLogger } from "@devmesh/observability";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { SseSink } from "../../http/sse.ts";
import { resumeHere } from "./follower.ts";
import { sessionChannel } from "./node-mail.ts";
import { readAlong } from "./read-along.ts";

const sessionId = "session";
const nodeId = "00000000-0000-4000-8000-000000000001" as NodeId;
const logger = createLogger({ level: "silent", service: "t" });
let store: SessionStore;
let written: string[];
let sink: SseSink;

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
  const bounds = { idleMs: 60_000, maxPerTenant: 9, max: 9, maxEvents: 9, maxEventBytes: 999 };
  store = memorySessions({ ...bounds, now: () => 0 });
  const record = { tenantId: "t" as TenantId, principalId: "k" as ApiKeyId, initialize: {}, resources: [] };
  await store.create({ id: sessionId, ...record });
  written = [];
  let isClosed = false;
  sink = {
    write: (frame) => void written.push(/^data: (.*)$/m.exec(frame)?.[1] ?? ""),
    close: () => {
      isClosed = true;
    },
    get isClosed() {
      return isClosed;
    },
  };
});
afterEach(() => vi.useRealTimers());

const tell = (seq: number, message: string, closes = false): Promise<boolean> =>
  store.append(sessionId, { stream: "s", seq, message, closes });

test("what is told while the store is read comes after it, and once", async () => {
  await tell(1, "1");
  await tell(2, "2");
  const follower = resumeHere({ sessionId, stream: "s", store, logger, sink, afterSeq: 1 });
  follower.write(2, "2");
  follower.write(3, "3");
  await follower.catchUp();
  follower.write(3, "3");
  follower.write(4, "4");
  expect(written).toEqual(["2", "3", "4"]);
});

test("reads along what another node tells, until it has answered", async () => {
  await using fanOut = memoryFanOut();
  await store.openStream(sessionId, { stream: "s", nodeId, requestId: 7 });
  const sent: unknown[] = [];
  const mail = { send: async (...about: unknown[]) => void sent.push(about) };
  const along = { sessionId, stream: "s", store, logger, sink, fanOut, mail, afterSeq: 0 };
  const follower = readAlong({ ...along, isAlive: async () => true });
  await tell(1, "1");
  await follower.catchUp();
  expect(sent).toEqual([[nodeId, { session: sessionId, taken: "s" }]]);
  await tell(2, "2");
  await fanOut.publish(sessionChannel(sessionId), "s");
  await vi.waitFor(() => expect(written).toEqual(["1", "2"]));
  // the word of the last one is lost
  await tell(3, "3", true);
  await vi.advanceTimersByTimeAsync(5_000);
  await vi.waitFor(() => expect(sink.isClosed).toBe(true));
  expect(written).toEqual(["1", "2", "3"]);
});

test("answers in the place of a node that is gone for good", async () => {
  await using fanOut = memoryFanOut();
  await store.openStream(sessionId, { stream: "s", nodeId, requestId: 7 });
  const along = { sessionId, stream: "s", store, logger, sink, fanOut, mail: { send: async () => {} }, afterSeq: 0 };
  const lives = [false, true, false, false];
  const follower = readAlong({ ...along, isAlive: async () => lives.shift() });
  await follower.catchUp();
  for (let look = 1; look <= 3; look++) {
    await vi.advanceTimersByTimeAsync(5_000);
    expect(sink.isClosed).toBe(false);
  }
  await vi.advanceTimersByTimeAsync(5_000);
  await vi.waitFor(() => expect(sink.isClosed).toBe(true));
  expect(written.map((text) => JSON.parse(text))).toMatchObject([{ id: 7, error: { code: -32_603 } }]);
  expect(await store.findOpen(sessionId)).toEqual([]);
});
