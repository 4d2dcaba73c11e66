import type { TenantId } from "@devmesh/models";
import { describe, expect, it } from "vitest";
import { createWatchedResources, type Subject } from "./watched-resources.ts";

const tenantId = "019ad9b5-6c00-7000-8000-000000000002" as TenantId;
const other = "019ad9b5-6c00-7000-8000-000000000003" as TenantId;
const task: Subject = { tenantId, kind: "task", id: "1" };

describe("watched resources", () => {
  it("are told of by the URI that was subscribed, to each who did, until it ends", () => {
    const watched = createWatchedResources(10);
    const heard: string[] = [];
    const tell = (uri: string): void => void heard.push(uri);
    const ends = ["a", "b"].map((uri) => watched.add(task, { uri, tell }));
    watched.changed(task);
    expect(heard).toEqual(["a", "b"]);
    for (const end of [...ends, ...ends]) end();
    watched.changed(task);
    expect(heard).toEqual(["a", "b"]);
    expect(watched.size).toBe(0);
  });

  it("are told of in their tenant alone, and by kind", () => {
    const watched = createWatchedResources(10);
    const heard: string[] = [];
    watched.add(task, { uri: "a", tell: (uri) => heard.push(uri) });
    watched.changed({ ...task, tenantId: other });
    watched.changed({ ...task, kind: "entry" });
    expect(heard).toEqual([]);
  });

  it("are as many as there is room for", () => {
    const watched = createWatchedResources(4);
    const end = watched.add(task, { uri: "a", tell: () => undefined });
    watched.assertRoom(tenantId, 1);
    const refusal = { code: "resource_exhausted", reason: "too_many_subscriptions" };
    // half of it for one tenant
    expect(() => watched.assertRoom(tenantId, 2)).toThrow(expect.objectContaining(refusal));
    watched.assertRoom(other, 2);
    for (const uri of ["b", "c"]) watched.add({ ...task, tenantId: other }, { uri, tell: () => undefined });
    expect(() => watched.assertRoom(tenantId, 2)).toThrow(expect.objectContaining(refusal));
    end();
    watched.assertRoom(tenantId, 2);
  });

  it("name the agents of a tenant that somebody watches", () => {
    const watched = createWatchedResources(10);
    const watcher = { uri: "a", tell: () => undefined };
    const agent: Subject = { tenantId, kind: "agent", id: "7" };
    const ends = [watched.add(agent, watcher), watched.add(agent, watcher)];
    watched.add({ ...agent, kind: "inbox" }, watcher);
    expect(watched.agentsOf(tenantId)).toEqual(["7"]);
    expect(watched.agentsOf(other)).toEqual([]);
    ends[0]?.();
    expect(watched.agentsOf(tenantId)).toEqual(["7"]);
    ends[1]?.();
    expect(watched.agentsOf(tenantId)).toEqual([]);
  });
});
