import type { AgentId, AssignmentId, AssignmentOffer, Task, TenantId } from "@devmesh/models";
import { expect, test } from "vitest";
import { toAssignFrame } from "./local-hints.ts";

const ids = { tenantId: "t" as TenantId, agentId: "a" as AgentId, assignmentId: "x" as AssignmentId, seq: 3 };
const offer: AssignmentOffer = { fence: 1, leaseMs: 30, acceptMs: 10, task: {} as Task };

test.each([
  ["says how old it is", { ageMs: 7, assignedAtMs: 1_000 }, 2_000, 7],
  ["was under way: as old as it can be by the database's clock", { assignedAtMs: 1_000 }, 1_007.2, 8],
  ["was made later than the clock that is known", { assignedAtMs: 1_000 }, 990, 0],
  ["was under way while no clock is known", { assignedAtMs: 1_000 }, undefined, undefined],
  ["comes from a version that does not tell", {}, 2_000, undefined],
])("the age of an offer that %s", (_, told, latestMs, ageMs) => {
  expect(toAssignFrame({ ...ids, offer: { ...offer, ...told } }, latestMs)).toMatchObject({ seq: 3, ageMs });
});

test("what comes without an offer is no frame", () => {
  expect(toAssignFrame({ agentId: ids.agentId }, 1_000)).toBeUndefined();
});
