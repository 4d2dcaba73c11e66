import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type ConformanceTarget, openConformanceTarget } from "./kit/conformance-target.ts";
import { type ConformanceRun, failures, passedOf, runConformance } from "./kit/run-conformance.ts";

/** The product as it is: nothing that stands there for the suite. */
let target: ConformanceTarget | undefined;
beforeAll(async () => {
  target = await openConformanceTarget({ fixtures: false });
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

describe.each([
  { requirements: "2026-07-28", scenarios: newer },
  { requirements: "2025-11-25", scenarios: older },
])("the suite of $requirements", ({ requirements, scenarios }) => {
  let run: ConformanceRun | undefined;
  beforeAll(async () => {
    run = target && (await runConformance(target.url, { requirements }));
  });

  test("passes what needs no fixture", () => {
    if (run === undefined) return;
    expect(failures(run, scenarios)).toEqual([]);
    expect(passedOf(run, scenarios)).toEqual(scenarios);
  });

  test.runIf(scenarios === newer)("fails in server-stateless for the want of fixtures alone", () => {
    if (run === undefined) return;
    const checks = run.checks.get("server-stateless") ?? [];
    const failed = checks.filter(({ status }) => status === "FAILURE");
    expect(checks.filter(({ status }) => status === "SUCCESS").length).toBeGreaterThanOrEqual(24);
    expect(failed.filter(({ errorMessage }) => !errorMessage?.includes("diagnostic tool"))).toEqual([]);
  });
});

test.each(["sep-2640-skills-directory", "sep-2640-skills-enumeration", "sep-2640-skills-manifest"])(
  "the scenario %s passes",
  async (scenario) => {
    if (target === undefined) return;
    const run = await runConformance(target.url, { scenario });
    expect(failures(run, [scenario])).toEqual([]);
    expect(passedOf(run, [scenario])).toEqual([scenario]);
    expect(run.exitCode, run.output).toBe(0);
  },
);
