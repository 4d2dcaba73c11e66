import { randomUUID } from "node:crypto";
import { createHints, memoryFanOut } from "@devmesh/adapters";
import type { TenantId } from "@devmesh/models";
import type { ServerEvent } from "@modelcontextprotocol/server";
import { expect, test, vi } from "vitest";
import { busOf, openMcpEvents } from "./mcp-events.ts";

const [tenantId, otherId] = [randomUUID(), randomUUID()] as string[] as [TenantId, TenantId];

test("tells the clients of every node what happened in their tenant, and of no other", async () => {
  await using fanOut = memoryFanOut();
  await using here = createHints(fanOut);
  await using there = createHints(fanOut);
  await using events = await openMcpEvents(here);
  await using remote = await openMcpEvents(there);
  const heard: ServerEvent[] = [];
  const others: ServerEvent[] = [];
  const end = busOf(events, tenantId).subscribe((event) => heard.push(event));
  busOf(events, otherId).subscribe((event) => others.push(event));
  remote.publish({ tenantId, list: "tools" });
  remote.publish({ tenantId, uri: "devmesh://tasks/1" });
  events.tellHere({ tenantId: otherId, uri: "devmesh://tasks/1" });
  const expected = [{ kind: "tools_list_changed" }, { kind: "resource_updated", uri: "devmesh://tasks/1" }];
  await vi.waitFor(() => expect(heard).toEqual(expected));
  expect(others).toEqual([{ kind: "resource_updated", uri: "devmesh://tasks/1" }]);
  end();
  end();
  events.tellHere({ tenantId, list: "prompts" });
  expect(heard).toEqual(expected);
});
