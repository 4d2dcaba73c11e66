import type { Task, TaskId, TenantId } from "@devmesh/models";
import { expect, test } from "vitest";
import { reviewTask } from "../test/_a2a.ts";
import { gatherReads } from "./gather-reads.ts";
import type { TaskReads } from "./stores.ts";

const [a, b] = ["a", "b"] as TenantId[] as [TenantId, TenantId];
const [one, two] = ["1", "2"] as TaskId[] as [TaskId, TaskId];

function open(
  owned: Readonly<Record<string, readonly TaskId[]>>,
): Pick<TaskReads, "get"> & { readonly asked: unknown[] } {
  const asked: unknown[] = [];
  const get: TaskReads["get"] = async (tenantId, taskIds, detail) => {
    asked.push([tenantId, taskIds, detail]);
    return taskIds.filter((id) => owned[tenantId]?.includes(id)).map((id): Task => reviewTask({ id }));
  };
  return { asked, ...gatherReads({ get }) };
}

const idsOf = (tasks: readonly Task[]): readonly string[] => tasks.map(({ id }) => id);

test("tasks that are asked for together are read together, each tenant's for itself", async () => {
  const reads = open({ a: [one, two], b: [one] });
  const answers = await Promise.all([
    reads.get(a, [one], "whole"),
    reads.get(a, [two], "whole"),
    reads.get(a, [one], "whole"),
    reads.get(b, [one], "whole"),
    reads.get(b, [two], "whole"),
  ]);
  expect(answers.map(idsOf)).toEqual([["1"], ["2"], ["1"], ["1"], []]);
  expect(reads.asked).toEqual([
    [a, [one, two], "whole"],
    [b, [one, two], "whole"],
  ]);
});

test("several at once, and those of lists, are read as they are asked for", async () => {
  const reads = open({ a: [one, two] });
  expect(idsOf(await reads.get(a, [one, two], "whole"))).toEqual(["1", "2"]);
  expect(idsOf(await reads.get(a, [one], "listed"))).toEqual(["1"]);
  expect(reads.asked).toHaveLength(2);
});

test("what is asked for while others are read is read afterwards", async () => {
  const reads = open({ a: [one] });
  await reads.get(a, [one], "whole");
  await reads.get(a, [one], "whole");
  expect(reads.asked).toHaveLength(2);
});

test("a read that fails fails for those who asked", async () => {
  const { get } = gatherReads<Pick<TaskReads, "get">>({ get: () => Promise.reject(new Error("down")) });
  await expect(get(a, [one], "whole")).rejects.toThrow("down");
});
