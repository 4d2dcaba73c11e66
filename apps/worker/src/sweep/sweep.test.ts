import { createMetrics } from "@devmesh/observability";
import { createNudge } from "@devmesh/runtime";
import { describe, expect, it } from "vitest";
import { createSweepAlarm, sweepTasks } from "./sweep.ts";

const now = new Date(1_000);
const done = () => createMetrics("worker").counter({ name: "done_total", help: "done" });

describe("sweepTasks", () => {
  it("sleeps until the next thing is due, at least 100 ms and at most 30 s", async () => {
    const stop = new AbortController();
    const answers = [0, 4_000, undefined, 90_000];
    const slept: number[] = [];
    const engine = { sweep: async () => ({ nextDueInMs: answers.shift(), now, done: 1 }) };
    const alarm = {
      ring: () => undefined,
      sleep: async (ms: number) => {
        slept.push(ms);
        if (answers.length === 0) stop.abort();
      },
    };
    await sweepTasks({ engine, alarm, done: done() }, stop.signal);
    expect(slept).toEqual([100, 4_000, 30_000, 30_000]);
  });
});

describe("createSweepAlarm", () => {
  it("wakes for what is due earlier, and not for what is due later", async () => {
    let nudges = 0;
    const nudge = createNudge();
    const counting = {
      ...nudge,
      nudge: () => {
        nudges += 1;
        nudge.nudge();
      },
    };
    const alarm = createSweepAlarm(counting);
    const sleeping = alarm.sleep(20_000, now, new AbortController().signal);
    alarm.ring(new Date(21_000));
    expect(nudges).toBe(0);
    alarm.ring(new Date(5_000));
    alarm.ring(new Date(6_000));
    expect(nudges).toBe(1);
    await sleeping;
  });

  it("remembers what rang while the sweep was at work", async () => {
    const alarm = createSweepAlarm(createNudge());
    const { signal } = new AbortController();
    const first = alarm.sleep(20_000, now, signal);
    alarm.ring(new Date(2_000));
    await first;
    alarm.ring(new Date(3_000));
    await alarm.sleep(20_000, now, signal);
  });
});
