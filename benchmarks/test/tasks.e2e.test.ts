import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { benchTasks } from "../src/tasks/bench-tasks.ts";
import type { Report } from "../src/tasks/report.ts";

const others = ["graphile-worker", "graphile-worker-batched", "pg-boss", "bullmq-everysec", "bullmq-always"];

/** With small counts: that every part runs, and that each peer has done exactly its tasks, which the benchmark checks. */
async function benchQuickly(only: readonly string[], parts: readonly string[]): Promise<Report> {
  const dir = await mkdtemp(join(tmpdir(), "devmesh-bench-"));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  const file = join(dir, "report.json");
  await benchTasks(["--quick", "--json", file, "--only", only.join(","), "--parts", parts.join(",")]);
  return JSON.parse(await readFile(file, "utf8")) as Report;
}

test("the benchmark of tasks measures this project whole, and writes what it found", { timeout: 300_000 }, async () => {
  const report = await benchQuickly(["devmesh"], ["drain", "pickup", "backlog", "costs"]);
  expect(report.pickupP99Ms["50"]).toBeGreaterThan(0);
  expect(report).toMatchObject({
    backlogRatio: expect.any(Number),
    commitsPerTask: expect.any(Number),
    walBytesPerTask: expect.any(Number),
    statementsPerTask: expect.any(Number),
    idleStatementsPerMinute: expect.any(Number),
  });
});

test("every peer does the same tasks, and is compared", { timeout: 300_000 }, async () => {
  const names = ["devmesh", ...others];
  const report = await benchQuickly(names, ["drain"]);
  for (const name of names) {
    expect(report.closedLoop[name], name).toBeGreaterThan(0);
    expect(report.closedLoopWithSubmit[name], name).toBeLessThan(report.closedLoop[name] ?? 0);
    expect(report.versions[name], name).toMatch(/^\d+\.\d+\.\d+|this commit$/);
    expect(report.settings[name], name).toBeTruthy();
  }
  expect(Object.keys(report.ratios)).toEqual(others);
});

test("a peer that there is not is refused", async () => {
  await expect(benchTasks(["--only", "devmesh,celery"])).rejects.toThrow('no peer "celery"');
});
