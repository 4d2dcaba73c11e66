import { givenServices } from "@devmesh/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type ConformanceTarget, openConformanceTarget } from "./kit/conformance-target.ts";
import { type ConformanceRun, failures, passedOf, runConformance } from "./kit/run-conformance.ts";

/** The product as it is: nothing that stands there for the suite. */
let target: ConformanceTarget | undefined;
const isSkipped = givenServices().databaseUrl === undefined;
const runs = new Map<string, ConformanceRun>();
beforeAll(async () => {
  target = await openConformanceTarget({ fixtures: false });
  if (target === undefined) return;
  const { url } = target;
  const run = async (requirements: string): Promise<void> =>
    void runs.set(requirements, await runConformance(url, { requirements }));
  await Promise.all([run("2026-07-28"), run("2025-11-25")]);
});
afterAll(() => target?.[Symbol.asyncDispose]());

/** What the suite can try on any server. */
const newer = [
  "tools-list",
  "resources-list",
  "prompts-list",
  "caching",
  "http-header-validation",
  "dns-rebinding-protection",
  "server-sse-multiple-streams",
  "sep-2164-resource-not-found",
  "input-required-result-unsupported-methods",
];
const older = [
  "server-initialize",
  "ping",
  "server-session-lifecycle",
  "tools-list",
  "resources-list",
  "prompts-list",
  "dns-rebinding-protection",
  "server-sse-multiple-streams",
];

test.skipIf(isSkipped).each([
  { requirements: "2026-07-28", scenarios: newer },
  { requirements: "2025-11-25", scenarios: older },
])("passes what needs no fixture in the suite of $requirements", ({ requirements, scenarios }) => {
  const run = runs.get(requirements);
  if (run === undefined) throw new Error(`the suite of ${requirements} was not run`);
  expect(failures(run, scenarios)).toEqual([]);
  expect(passedOf(run, scenarios)).toEqual(scenarios);
});

test.skipIf(isSkipped)("fails in server-stateless for the want of fixtures alone", () => {
  const checks = runs.get("2026-07-28")?.checks.get("server-stateless") ?? [];
  const failed = checks.filter(({ status }) => status === "FAILURE");
  expect(checks.filter(({ status }) => status === "SUCCESS").length).toBeGreaterThanOrEqual(24);
  expect(failed.filter(({ errorMessage }) => !errorMessage?.includes("diagnostic tool"))).toEqual([]);
});

test.skipIf(isSkipped).each([
  { scenario: "sep-2640-skills-directory", checks: 7 },
  { scenario: "sep-2640-skills-enumeration", checks: 32 },
  { scenario: "sep-2640-skills-manifest", checks: 6 },
])("passes $scenario", async ({ scenario, checks }) => {
  if (target === undefined) throw new Error("no node was started");
  const run = await runConformance(target.url, { scenario });
  expect(failures(run, [scenario])).toEqual([]);
  const passed = run.checks.get(scenario)?.filter(({ status }) => status === "SUCCESS") ?? [];
  // a server without skills passes with one
  expect(passed.length).toBeGreaterThanOrEqual(checks);
  expect(run.exitCode, run.output).toBe(0);
});
