import { createLogger } from "@devmesh/observability";
import { Redis } from "ioredis";
import { describe, expect, it, vi } from "vitest";
import { openRedisFanOut } from "./redis-fan-out.ts";

const url = process.env["DEVMESH_REDIS_URL"];
const logger = createLogger({ level: "silent", service: "t" });
const eventually = { timeout: 30_000, interval: 10 };

describe("openRedisFanOut while Redis is away", () => {
  it("answers false, keeps subscriptions, never throws, and says once that it is away", async () => {
    const lines: string[] = [];
    const loud = createLogger({ level: "info", service: "t", destination: { write: (line) => void lines.push(line) } });
    await using fanOut = openRedisFanOut({ url: "redis://127.0.0.1:1", logger: loud });
    const end = await fanOut.subscribe("a", () => {});
    await vi.waitFor(() => expect(lines).toHaveLength(1), eventually);
    expect(lines[0]).toContain("redis is away");
    expect(await fanOut.publish("a", "x")).toBe(false);
    expect(fanOut.isReady).toBe(false);
    await end();
  });
});

describe.skipIf(url === undefined)("openRedisFanOut", () => {
  const options = { url: url ?? "", logger };

  it("carries messages from one process to another, in order", async () => {
    await using here = openRedisFanOut(options);
    await using there = openRedisFanOut(options);
    const heard: string[] = [];
    const channel = `test.${crypto.randomUUID()}`;
    await there.subscribe(channel, (message) => void heard.push(message));
    await vi.waitFor(() => expect(here.isReady && there.isReady).toBe(true), eventually);
    for (const message of ["x", "y", "z"]) expect(await here.publish(channel, message)).toBe(true);
    await vi.waitFor(() => expect(heard).toEqual(["x", "y", "z"]), eventually);
  });

  it("listens to what is subscribed later, until that ends", async () => {
    await using fanOut = openRedisFanOut(options);
    await vi.waitFor(() => expect(fanOut.isReady).toBe(true), eventually);
    const heard: string[] = [];
    const [first, second] = [`test.${crypto.randomUUID()}`, `test.${crypto.randomUUID()}`];
    const end = await fanOut.subscribe(first, (message) => void heard.push(message));
    await fanOut.subscribe(second, (message) => void heard.push(message));
    await end();
    await fanOut.publish(first, "lost");
    await fanOut.publish(second, "heard");
    await vi.waitFor(() => expect(heard).toEqual(["heard"]), eventually);
  });

  it("subscribes again after its connections were cut, and tells of both changes", async () => {
    const changes: boolean[] = [];
    await using fanOut = openRedisFanOut({ ...options, onChange: (isReady) => void changes.push(isReady) });
    const heard: string[] = [];
    const channel = `test.${crypto.randomUUID()}`;
    await fanOut.subscribe(channel, (message) => void heard.push(message));
    await vi.waitFor(() => expect(changes).toEqual([true]), eventually);
    const killer = new Redis(options.url);
    await killer.call("CLIENT", "KILL", "TYPE", "pubsub");
    await vi.waitFor(() => expect(changes).toEqual([true, false, true]), eventually);
    expect(await fanOut.publish(channel, "after")).toBe(true);
    await vi.waitFor(() => expect(heard).toEqual(["after"]), eventually);
    killer.disconnect();
  });
});
