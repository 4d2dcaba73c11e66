import type { StoredApiKey } from "@devmesh/auth";
import { expect, test } from "vitest";
import { gatherKeys } from "./gather-keys.ts";

const key = { id: "k" } as unknown as StoredApiKey;
const hexOf = (hash: Buffer): string => hash.toString("hex");
const hashes = (count: number): readonly Buffer[] => Array.from({ length: count }, (_, i) => Buffer.from([i >> 8, i]));

test("asks once for what is asked in one turn, and tells each its own", async () => {
  const asked: number[] = [];
  const find = gatherKeys(async (batch: readonly Buffer[]) => {
    asked.push(batch.length);
    return new Map([["0001", key]]);
  }, hexOf);
  expect(await Promise.all(hashes(3).map(find))).toEqual([undefined, key, undefined]);
  await find(Buffer.from([0, 1]));
  expect(asked).toEqual([3, 1]);
});

test("asks for at most a thousand at once", async () => {
  const asked: number[] = [];
  const find = gatherKeys(async (batch: readonly Buffer[]) => {
    asked.push(batch.length);
    return new Map();
  }, hexOf);
  await Promise.all(hashes(1_500).map(find));
  expect(asked).toEqual([1_000, 500]);
});

test("fails for all when it fails", async () => {
  const find = gatherKeys(() => Promise.reject(new Error("away")), hexOf);
  const answers = await Promise.allSettled(hashes(2).map(find));
  expect(answers.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
});
