import { describe, expect, it } from "vitest";
import { createFaults, type Fault } from "./faults.ts";

function befallen(fault: Fault, calls: number, now: () => number = () => 0): boolean[] {
  const faults = createFaults(now);
  faults.add(fault);
  return Array.from({ length: calls }, () => faults.next("a") !== undefined);
}

describe("createFaults", () => {
  it("befalls all calls, so many, or a share that is evenly spread", () => {
    expect(befallen({ kind: "fail" }, 3)).toEqual([true, true, true]);
    expect(befallen({ kind: "fail", times: 2 }, 3)).toEqual([true, true, false]);
    expect(befallen({ kind: "fail", rate: 0.25 }, 8)).toEqual([false, false, false, true, false, false, false, true]);
  });

  it("lets so many calls through in a second, and throttles the others", () => {
    let ms = 0;
    const fault: Fault = { kind: "throttle", perSecond: 2 };
    expect(befallen(fault, 6, () => (ms += 250))).toEqual([false, false, true, false, false, true]);
  });

  it("befalls one model alone where it is named, the first of several first, and none once they are taken back", () => {
    const faults = createFaults(() => 0);
    faults.add({ kind: "cut", modelId: "b" });
    faults.add({ kind: "stall", ms: 5, times: 1 });
    expect(faults.next("a")).toMatchObject({ kind: "stall", ms: 5 });
    expect(faults.next("a")).toBeUndefined();
    expect(faults.next("b")).toMatchObject({ kind: "cut" });
    faults.clear();
    expect(faults.list()).toEqual([]);
    expect(faults.next("b")).toBeUndefined();
  });

  it("refuses what it doesn't know, and forgets the oldest of more than a hundred", () => {
    const faults = createFaults(() => 0);
    expect(() => faults.add({ kind: "fail", rate: 2 })).toThrow();
    for (let ms = 1; ms <= 101; ms++) faults.add({ kind: "stall", ms });
    expect(faults.list()).toHaveLength(100);
    expect(faults.list()[0]).toMatchObject({ ms: 2 });
  });
});
