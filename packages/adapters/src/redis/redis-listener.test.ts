import { EventEmitter } from "node:events";
import { createLogger } from "@devmesh/observability";
import type { Redis } from "ioredis";
import { expect, test } from "vitest";
import { createRedisListener } from "./redis-listener.ts";

const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

/** A connection that takes subscriptions when it is told to. */
class SlowConnection extends EventEmitter {
  readonly asked: string[][] = [];
  readonly #answers: (() => void)[] = [];

  subscribe(...channels: string[]): Promise<void> {
    this.asked.push(channels);
    return new Promise((resolve) => void this.#answers.push(resolve));
  }

  async answer(): Promise<void> {
    this.#answers.shift()?.();
    await turn();
  }
}

test("listens also to what is subscribed while Redis takes the first subscriptions", async () => {
  const connection = new SlowConnection();
  const logger = createLogger({ level: "silent", service: "t" });
  const listener = createRedisListener({ connection: connection as unknown as Redis, onChange: () => {}, logger });
  const heard: string[] = [];
  await listener.subscribe("first", () => {});
  connection.emit("ready");
  await listener.subscribe("second", (message) => void heard.push(message));
  await connection.answer();
  expect(connection.asked).toEqual([["first"], ["second"]]);
  expect(listener.isListening).toBe(false);
  await connection.answer();
  expect(listener.isListening).toBe(true);
  connection.emit("message", "second", "x");
  expect(heard).toEqual(["x"]);
});
