import { describe, expect, test } from "vitest";
import { createGate } from "./gate.ts";
import { runBounded } from "./run-bounded.ts";

const who = { isUrgent: false, signal: new AbortController().signal };

function hold(): { readonly task: () => Promise<string>; readonly release: (value: string) => void } {
  const { promise, resolve } = Promise.withResolvers<string>();
  return { task: () => promise, release: resolve };
}

describe("a gate", () => {
  test("runs so many at a time, the others in their order", async () => {
    const gate = createGate("fox in us-east-1", { running: 2, waiting: 10 });
    const holds = Array.from({ length: 5 }, hold);
    const started: number[] = [];
    const all = holds.map(({ task }, at) =>
      gate.run(() => {
        started.push(at);
        return task();
      }, who),
    );
    await new Promise(setImmediate);
    expect(started).toEqual([0, 1]);
    holds[1]?.release("b");
    expect(await all[1]).toBe("b");
    await new Promise(setImmediate);
    expect(started).toEqual([0, 1, 2]);
    for (const { release } of holds) release("x");
    await Promise.all(all);
    expect(started).toEqual([0, 1, 2, 3, 4]);
  });

  test("lets in what is urgent first", async () => {
    const gate = createGate("fox", { running: 1, waiting: 10 });
    const first = hold();
    const running = gate.run(first.task, who);
    const went: string[] = [];
    const note = (name: string) => async () => void went.push(name);
    const all = [
      gate.run(note("a"), who),
      gate.run(note("b"), who),
      gate.run(note("query"), { ...who, isUrgent: true }),
    ];
    first.release("x");
    await Promise.all([running, ...all]);
    expect(went).toEqual(["query", "a", "b"]);
  });

  test("refuses more than may wait, and is free again afterwards", async () => {
    const gate = createGate("fox in us-east-1", { running: 1, waiting: 1 });
    const [first, second] = [hold(), hold()];
    const running = gate.run(first.task, who);
    const waiting = gate.run(second.task, who);
    await expect(gate.run(hold().task, who)).rejects.toMatchObject({
      code: "resource_exhausted",
      reason: "bulkhead_full",
      message: "1 calls wait for fox in us-east-1 already",
      retryAfterMs: 1_000,
    });
    first.release("a");
    second.release("b");
    expect(await Promise.all([running, waiting])).toEqual(["a", "b"]);
    expect(await gate.run(async () => "c", who)).toBe("c");
  });

  test("lets go whoever gives up waiting, and who fails", async () => {
    const gate = createGate("fox", { running: 1, waiting: 5 });
    const first = hold();
    const running = gate.run(first.task, who);
    const controller = new AbortController();
    const waiting = gate.run(hold().task, { isUrgent: false, signal: controller.signal });
    const failing = gate.run(() => Promise.reject(new Error("no")), who);
    controller.abort();
    await expect(waiting).rejects.toMatchObject({ code: "cancelled" });
    first.release("a");
    await running;
    await expect(failing).rejects.toThrow("no");
    expect(await gate.run(async () => "c", who)).toBe("c");
  });
});

describe("a bounded run", () => {
  test("never has more under way than it may", async () => {
    let [running, most] = [0, 0];
    const done: number[] = [];
    await runBounded([1, 2, 3, 4, 5, 6, 7], 3, async (item) => {
      most = Math.max(most, ++running);
      await new Promise(setImmediate);
      running--;
      done.push(item);
    });
    expect([most, done.length]).toEqual([3, 7]);
    await runBounded([], 3, () => expect.unreachable());
  });

  test("starts nothing more after a failure, waits for what runs, and throws the first", async () => {
    const seen: string[] = [];
    const run = runBounded(["a", "b", "c", "d"], 2, async (item) => {
      seen.push(`start ${item}`);
      if (item === "a") throw new Error("a failed");
      await new Promise(setImmediate);
      seen.push(`end ${item}`);
    });
    await expect(run).rejects.toThrow("a failed");
    expect(seen).toEqual(["start a", "start b", "end b"]);
  });
});
