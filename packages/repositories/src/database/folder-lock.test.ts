import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { lockFolder } from "./folder-lock.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "devmesh-lock-"));
});
afterEach(async () => rm(folder, { recursive: true, force: true }));

const lockFile = (): string => join(folder, "devmesh.lock");

test("a folder that is taken is refused with the pid, and free again after", async () => {
  const inner = join(folder, "made", "for", "it");
  const lock = await lockFolder(inner);
  await expect(lockFolder(inner)).rejects.toMatchObject({
    code: "failed_precondition",
    reason: "folder_in_use",
    message: `${inner} is in use by process ${process.pid}`,
  });
  await lock[Symbol.asyncDispose]();
  await using again = await lockFolder(inner);
  expect(again).toBeDefined();
  expect(await readdir(inner)).toEqual(["devmesh.lock"]);
});

test("the lock of another process that runs is respected", async () => {
  const other = spawn("sleep", ["60"]);
  await once(other, "spawn");
  await writeFile(lockFile(), JSON.stringify({ pid: other.pid }));
  await expect(lockFolder(folder)).rejects.toThrow(`in use by process ${other.pid}`);
  other.kill("SIGKILL");
  await once(other, "exit");
  await using lock = await lockFolder(folder);
  expect(lock).toBeDefined();
});

test.skipIf(process.platform !== "linux")("a pid that was given to another process since holds nothing", async () => {
  await writeFile(lockFile(), JSON.stringify({ pid: process.pid, startTicks: "1" }));
  await using lock = await lockFolder(folder);
  expect(lock).toBeDefined();
});

test("a file that says nothing is taken over", async () => {
  await writeFile(lockFile(), "");
  await using lock = await lockFolder(folder);
  expect(lock).toBeDefined();
});

test("of many at once one gets a stale lock", async () => {
  await writeFile(lockFile(), JSON.stringify({ pid: 2 ** 22 + 1 }));
  const outcomes = await Promise.allSettled(Array.from({ length: 8 }, () => lockFolder(folder)));
  expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
});

test("disposing leaves the lock of whoever took over alone", async () => {
  const lock = await lockFolder(folder);
  await writeFile(lockFile(), "of another");
  await lock[Symbol.asyncDispose]();
  expect(await readdir(folder)).toEqual(["devmesh.lock"]);
});
