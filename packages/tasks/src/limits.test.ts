import type { LimitId, LimitRule, TenantId } from "@devmesh/models";
import { expect, test } from "vitest";
import { tenantId } from "../test/fakes.ts";
import { createLimits } from "./limits.ts";

const rule = (id: string, kind: LimitRule["kind"], value = ""): LimitRule => ({
  id: id as LimitId,
  tenantId,
  kind,
  value,
});
const task = { tenantId, type: "work", labels: ["red", "red", "blue"] };

test("a task is subject to the limits of its tenant, its type and its labels, in the order of their ids", async () => {
  const rules = [
    rule("d", "label", "red"),
    rule("c", "tenant"),
    rule("b", "type", "work"),
    rule("a", "label", "blue"),
    rule("e", "type", "other"),
    rule("f", "label", "work"),
  ];
  const limits = createLimits({ findLimits: async () => rules }, () => 0);
  expect(await limits.of(task)).toEqual(["a", "b", "c", "d"]);
});

test("the limits of a tenant are asked for once in five seconds, and again after a failure", async () => {
  const clock = { ms: 0 };
  const asked: TenantId[] = [];
  const limits = createLimits(
    {
      findLimits: async (tenant) => {
        asked.push(tenant);
        if (asked.length === 1) throw new Error("away");
        return [rule("a", "tenant")];
      },
    },
    () => clock.ms,
  );
  await expect(limits.of(task)).rejects.toThrow("away");
  expect(await Promise.all([limits.of(task), limits.of(task)])).toEqual([["a"], ["a"]]);
  clock.ms = 4_999;
  await limits.of(task);
  expect(asked).toHaveLength(2);
  clock.ms = 5_000;
  await limits.of(task);
  expect(asked).toHaveLength(3);
});
