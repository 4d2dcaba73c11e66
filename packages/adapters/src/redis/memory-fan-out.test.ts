import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { fallbackFanOut } from "./fallback-fan-out.ts";
import type { FanOut } from "./fan-out.ts";
import { memoryFanOut } from "./memory-fan-out.ts";

describe("memoryFanOut", () => {
  it("delivers to all of a channel, in order, in a later turn", async () => {
    await using fanOut = memoryFanOut();
    const heard: string[] = [];
    await fanOut.subscribe("a", (message) => void heard.push(`1${message}`));
    await fanOut.subscribe("a", (message) => void heard.push(`2${message}`));
    expect(await Promise.all([fanOut.publish("a", "x"), fanOut.publish("b", "y"), fanOut.publish("a", "z")])).toEqual([
      true,
      true,
      true,
    ]);
    expect(heard).toEqual([]);
    await turn();
    expect(heard).toEqual(["1x", "2x", "1z", "2z"]);
  });

  it("keeps a handler that throws from harming others", async () => {
    await using fanOut = memoryFanOut();
    const heard: string[] = [];
    await fanOut.subscribe("a", () => {
      throw new Error("bug");
    });
    await fanOut.subscribe("a", (message) => void heard.push(message));
    await fanOut.publish("a", "x");
    await turn();
    expect(heard).toEqual(["x"]);
  });

  it("ends one subscription of a handler that has two, and bears being ended twice", async () => {
    await using fanOut = memoryFanOut();
    const heard: string[] = [];
    const handler = (message: string): void => void heard.push(message);
    const end = await fanOut.subscribe("a", handler);
    await fanOut.subscribe("a", handler);
    await end();
    await end();
    await fanOut.publish("a", "x");
    await turn();
    expect(heard).toEqual(["x"]);
  });

  it("is away once closed", async () => {
    const fanOut = memoryFanOut();
    await fanOut[Symbol.asyncDispose]();
    expect(fanOut.isReady).toBe(false);
    expect(await fanOut.publish("a", "x")).toBe(false);
  });
});

describe("fallbackFanOut", () => {
  /** Says that it is ready, and loses what it is given. */
  const losing: FanOut = { ...memoryFanOut(), isReady: true, publish: () => Promise.resolve(false) };

  it("publishes on the primary alone while that is ready, and hears both", async () => {
    const [primary, secondary] = [memoryFanOut(), memoryFanOut()];
    await using fanOut = fallbackFanOut(primary, secondary);
    const heard: string[] = [];
    await fanOut.subscribe("a", (message) => void heard.push(message));
    await fanOut.publish("a", "x");
    await secondary.publish("a", "from another process");
    await turn();
    expect(heard).toEqual(["x", "from another process"]);
  });

  it.each([
    [
      "away",
      async (): Promise<FanOut> => {
        const closed = memoryFanOut();
        await closed[Symbol.asyncDispose]();
        return closed;
      },
    ],
    ["losing what it gets", async (): Promise<FanOut> => losing],
  ])("publishes on the secondary while the primary is %s", async (_, makePrimary) => {
    const secondary = memoryFanOut();
    await using fanOut = fallbackFanOut(await makePrimary(), secondary);
    const heard: string[] = [];
    await fanOut.subscribe("a", (message) => void heard.push(message));
    expect(await fanOut.publish("a", "x")).toBe(true);
    expect(fanOut.isReady).toBe(true);
    await turn();
    expect(heard).toEqual(["x"]);
  });

  it("answers false when both are away, and ends both subscriptions", async () => {
    const [primary, secondary] = [memoryFanOut(), memoryFanOut()];
    const fanOut = fallbackFanOut(primary, secondary);
    const heard: string[] = [];
    const end = await fanOut.subscribe("a", (message) => void heard.push(message));
    await end();
    await primary.publish("a", "x");
    await secondary.publish("a", "x");
    await turn();
    expect(heard).toEqual([]);
    await fanOut[Symbol.asyncDispose]();
    expect(await fanOut.publish("a", "x")).toBe(false);
    expect(fanOut.isReady).toBe(false);
  });
});
