import type { Principal } from "@devmesh/auth";
import type { ApiKeyId, TenantId } from "@devmesh/models";
import { expect, it } from "vitest";
import { askerOf } from "./asker-of.ts";

const principal: Principal = {
  id: "019ad9b5-6c00-7000-8000-000000000001" as ApiKeyId,
  tenantId: "019ad9b5-6c00-7000-8000-000000000002" as TenantId,
  kind: "agt",
  scopes: ["knowledge:read"],
  team: "billing",
};

it("gives a key its tenant, its id and its team, and everything only to admins", () => {
  const { tenantId, id } = principal;
  expect(askerOf(principal)).toEqual({ tenantId, reader: { id, team: "billing", isAdmin: false } });
  expect(askerOf({ ...principal, scopes: ["admin"] }).reader.isAdmin).toBe(true);
});
