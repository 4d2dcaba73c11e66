import { describe, expect, it } from "vitest";
import { type RunnableService, runTogether } from "./run-together.ts";

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

const good =
  (port: number): RunnableService =>
  async (signal, onReady) => {
    onReady(port);
    await untilAborted(signal);
  };

describe("runTogether", () => {
  it("does its work when all are ready, and then ends them", async () => {
    const { signal } = new AbortController();
    const seen: unknown[] = [];
    await runTogether({ a: good(1), b: good(2) }, { signal, work: async (ports) => void seen.push(ports) });
    expect(seen).toEqual([{ a: 1, b: 2 }]);
  });

  it("ends all with the error of the one that doesn't start", async () => {
    const { signal } = new AbortController();
    const fails: RunnableService = () => Promise.reject(new Error("port 1 is in use"));
    const running = runTogether({ a: good(1), fails }, { signal, work: () => Promise.reject(new Error("too soon")) });
    await expect(running).rejects.toThrow("port 1 is in use");
  });

  it("aborts its work with the error of the one that fails later", async () => {
    const { signal } = new AbortController();
    const { promise, reject } = Promise.withResolvers<void>();
    const failsLater: RunnableService = (_, onReady) => {
      onReady(3);
      return promise;
    };
    const work = async (_: unknown, end: AbortSignal): Promise<void> => {
      reject(new Error("broken"));
      await untilAborted(end);
    };
    await expect(runTogether({ a: good(1), failsLater }, { signal, work })).rejects.toThrow("broken");
  });
});
