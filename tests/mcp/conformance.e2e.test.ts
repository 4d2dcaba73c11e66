import { givenServices } from "@devmesh/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type ConformanceTarget, openConformanceTarget } from "./kit/conformance-target.ts";
import { type ConformanceRun, failures, passedOf, runConformance } from "./kit/run-conformance.ts";

/** The suite's fixtures beside the product's own tools: the same app, sign-in, store and events. */
let target: ConformanceTarget | undefined;
beforeAll(async () => {
  target = await openConformanceTarget({ fixtures: true });
});
afterAll(() => target?.[Symbol.asyncDispose]());

const taskScenarios = [
  "tasks-lifecycle",
  "tasks-capability-negotiation",
  "tasks-wire-fields",
  "tasks-request-state-removal",
  "tasks-mrtr-input",
  "tasks-request-headers",
  "tasks-dispatch-and-envelope",
  "tasks-required-task-error",
  "tasks-mrtr-composition",
];

describe.skipIf(givenServices().databaseUrl === undefined).each([
  { requirements: "2026-07-28", required: 37, alsoPassed: taskScenarios },
  { requirements: "2025-11-25", required: 30, alsoPassed: ["server-session-lifecycle"] },
])("the suite of $requirements", ({ requirements, required, alsoPassed }) => {
  let run: ConformanceRun;
  beforeAll(async () => {
    if (target !== undefined) run = await runConformance(target.url, { requirements });
  });

  test(`passes ${required} of ${required} required scenarios`, () => {
    expect(failures(run, run.required)).toEqual([]);
    expect(run.required).toHaveLength(required);
    expect(passedOf(run, run.required)).toEqual(run.required);
    expect(run.exitCode, run.output).toBe(0);
  });

  test("passes what it runs beside them", () => {
    expect(failures(run, alsoPassed)).toEqual([]);
    expect(passedOf(run, alsoPassed)).toEqual(alsoPassed);
  });
});
