import type { KnowledgeId, TaskId } from "@devmesh/models";
import { describe, expect, it } from "vitest";
import { missingScopes, parseResourceUri, type ResourceRef, scopesOfUri, uriOf } from "./resource-uri.ts";

const id = "019ad9b5-6c00-7000-8000-000000000001";

const refs: readonly (readonly [string, ResourceRef])[] = [
  [`devmesh://tasks/${id}`, { kind: "task", id: id as TaskId }],
  [`devmesh://tasks/${id}/log`, { kind: "task_log", id: id as TaskId }],
  ["devmesh://agents/acme%2Freviewer", { kind: "agent", agent: "acme/reviewer" }],
  ["devmesh://agents/reviewer/inbox", { kind: "inbox", agent: "reviewer" }],
  [`devmesh://knowledge/${id}`, { kind: "entry", id: id as KnowledgeId }],
  ["devmesh://usage/today", { kind: "usage", period: "today" }],
];

describe("a resource's URI", () => {
  it.each(refs)("%s is read as it was written", (uri, ref) => {
    expect(parseResourceUri(uri)).toEqual(ref);
    expect(uriOf(ref)).toBe(uri);
  });

  it("takes ids in capitals", () => {
    expect(parseResourceUri(`devmesh://tasks/${id.toUpperCase()}`)).toEqual({ kind: "task", id });
  });

  it.each([
    "",
    "devmesh://",
    "devmesh://tasks",
    "devmesh://tasks/",
    "devmesh://tasks/1",
    `devmesh://tasks/${id}/inbox`,
    `devmesh://tasks/${id}/log/more`,
    `devmesh://tasks/${id}?x=1`,
    `devmesh://task/${id}`,
    "devmesh://agents/a%20b",
    "devmesh://agents/%ZZ",
    "devmesh://agents/reviewer/log",
    `devmesh://agents/${"a".repeat(129)}`,
    "devmesh://usage/yesterday",
    "devmesh://constructor/x",
    `https://tasks/${id}`,
  ])("%j is none of ours", (uri) => {
    expect(parseResourceUri(uri)).toBeUndefined();
  });
});

it("tells what a key lacks to read one", () => {
  expect(missingScopes({ scopes: ["tasks:read"] }, { kind: "task_log" })).toEqual([]);
  expect(missingScopes({ scopes: ["tasks:read"] }, { kind: "entry" })).toEqual(["knowledge:read"]);
  expect(missingScopes({ scopes: ["agents:connect"] }, { kind: "agent" })).toEqual([]);
  expect(missingScopes({ scopes: [] }, { kind: "agent" })).toEqual(["agents:read"]);
  expect(missingScopes({ scopes: ["admin"] }, { kind: "inbox" })).toEqual([]);
  expect(scopesOfUri("devmesh://agents/a/inbox")).toEqual(["agents:connect"]);
  expect(scopesOfUri("devmesh://agents/a")).toEqual([]);
  expect(scopesOfUri("test://static-text")).toEqual([]);
});
