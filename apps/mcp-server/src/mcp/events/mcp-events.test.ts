import { randomUUID } from "node:crypto";
import { createHints, memoryFanOut } from "@devmesh/adapters";
import type { TenantId } from "@devmesh/models";
import type { ServerEvent } from "@modelcontextprotocol/server";
import { expect, test } from "vitest";
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
  remote.publish({ tenantId: otherId, list: "resources" });
  await expect.poll(() => others).toEqual([{ kind: "resources_list_changed" }]);
  expect(heard).toEqual([{ kind: "tools_list_changed" }]);
  end();
  end();
  events.publish({ tenantId, list: "prompts" });
  events.publish({ tenantId: otherId, list: "prompts" });
  await expect.poll(() => others).toHaveLength(2);
  expect(heard).toHaveLength(1);
});
