import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { benchTasks } from "../src/tasks/bench-tasks.ts";
import type { Report } from "../src/tasks/report.ts";

// Small counts: that every part runs, and that each peer has done exactly its tasks, which the benchmark checks itself.
test("the benchmark of tasks measures everybody and writes what it found", { timeout: 300_000 }, async () => {
  const dir = await mkdtemp(join(tmpdir(), "devmesh-bench-"));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  const file = join(dir, "report.json");
  const names = [
    "devmesh",
    "graphile-worker",
    "graphile-worker-batched",
    "pg-boss",
    "bullmq-everysec",
    "bullmq-always",
  ];
  await benchTasks(["--quick", "--json", file, "--only", names.join(",")]);
  const report = JSON.parse(await readFile(file, "utf8")) as Report;
  for (const name of names) {
    expect(report.closedLoop[name], name).toBeGreaterThan(0);
    expect(report.closedLoopWithSubmit[name], name).toBeLessThan(report.closedLoop[name] ?? 0);
    expect(report.versions[name], name).toMatch(/^\d+\.\d+\.\d+|this commit$/);
    expect(report.settings[name], name).toBeTruthy();
  }
  expect(Object.keys(report.ratios)).toEqual(names.slice(1));
  expect(report.pickupP99Ms["50"]).toBeGreaterThan(0);
  expect(report).toMatchObject({
    backlogRatio: expect.any(Number),
    commitsPerTask: expect.any(Number),
    walBytesPerTask: expect.any(Number),
    statementsPerTask: expect.any(Number),
    idleStatementsPerMinute: expect.any(Number),
  });
});

test("a peer that there is not is refused", async () => {
  await expect(benchTasks(["--only", "devmesh,celery"])).rejects.toThrow('no peer "celery"');
});
