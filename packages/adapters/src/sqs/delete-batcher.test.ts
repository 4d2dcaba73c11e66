import { createLogger } from "@devmesh/observability";
import { describe, expect, it } from "vitest";
import { createDeleteBatcher } from "./delete-batcher.ts";

const logger = createLogger({ level: "silent", service: "t" });

describe("createDeleteBatcher", () => {
  it("gathers what comes while a call is under way, ten at a time", async () => {
    const sizes: number[] = [];
    const batcher = createDeleteBatcher(
      {
        deleteBatch: async (handles) => {
          sizes.push(handles.length);
          await Promise.resolve();
          return [];
        },
      },
      logger,
    );
    await Promise.all(Array.from({ length: 25 }, (_, index) => batcher.remove(String(index))));
    expect(sizes).toEqual([1, 10, 10, 4]);
  });

  it("resolves when deleting fails, and goes on", async () => {
    let calls = 0;
    const deleteBatch = async (): Promise<readonly string[]> => {
      calls += 1;
      if (calls === 1) throw new Error("away");
      return ["b"];
    };
    const batcher = createDeleteBatcher({ deleteBatch }, logger);
    await batcher.remove("a");
    await batcher.remove("b");
    expect(calls).toBe(2);
  });
});
