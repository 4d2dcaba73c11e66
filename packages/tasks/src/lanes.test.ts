import { type Requirements, type TenantId, toRequirements } from "@devmesh/models";
import { describe, expect, test } from "vitest";
import { fakeStore, laneIdOf, memoryOfLanes, tenantId } from "../test/fakes.ts";
import { createLanes } from "./lanes.ts";

const requirements = (tags: Record<string, string> = {}): Requirements => toRequirements("work", { tags });

function openLanes() {
  const memory = memoryOfLanes();
  const clock = { ms: 0 };
  const lanes = createLanes(fakeStore({ ensureLanes: memory.ensureLanes }), () => clock.ms);
  return { memory, clock, lanes };
}

describe("lanes", () => {
  test("asks the store once for equal requirements, at once or later", async () => {
    const { lanes, memory } = openLanes();
    const both = [
      lanes.find(tenantId, requirements({ a: "1", b: "2" })),
      lanes.find(tenantId, requirements({ b: "2", a: "1" })),
    ];
    expect(await Promise.all(both)).toEqual([laneIdOf(1), laneIdOf(1)]);
    await lanes.find(tenantId, requirements({ a: "1", b: "2" }));
    expect(memory.calls).toBe(1);
  });

  test("asks for other requirements, and for another tenant", async () => {
    const { lanes, memory } = openLanes();
    await lanes.find(tenantId, requirements());
    expect(await lanes.find(tenantId, requirements({ a: "1" }))).toBe(laneIdOf(2));
    await lanes.find("00000000-0000-7000-8000-0000000000ff" as TenantId, requirements());
    expect(memory.calls).toBe(3);
  });

  test("asks again after ten minutes", async () => {
    const { lanes, memory, clock } = openLanes();
    await lanes.find(tenantId, requirements());
    clock.ms = 599_999;
    await lanes.find(tenantId, requirements());
    expect(memory.calls).toBe(1);
    clock.ms = 600_000;
    await lanes.find(tenantId, requirements());
    expect(memory.calls).toBe(2);
  });

  test("does not remember a failure", async () => {
    const memory = memoryOfLanes();
    let fails = true;
    const store = fakeStore({
      ensureLanes: (asked) => (fails ? Promise.reject(new Error("away")) : memory.ensureLanes(asked)),
    });
    const lanes = createLanes(store, () => 0);
    await expect(lanes.find(tenantId, requirements())).rejects.toThrow("away");
    fails = false;
    expect(await lanes.find(tenantId, requirements())).toBe(laneIdOf(1));
  });

  test("remembers 10,000 and forgets the oldest first", async () => {
    let calls = 0;
    const store = fakeStore({
      ensureLanes: async () => {
        calls++;
        return [laneIdOf(1)];
      },
    });
    const lanes = createLanes(store, () => 0);
    for (let n = 0; n <= 10_000; n++) await lanes.find(tenantId, requirements({ n: String(n) }));
    await lanes.find(tenantId, requirements({ n: "1" }));
    expect(calls).toBe(10_001);
    await lanes.find(tenantId, requirements({ n: "0" }));
    expect(calls).toBe(10_002);
  });
});
