import { describe, expect, it } from "vitest";
import {
  assertScope,
  defaultScopesOf,
  hasScope,
  isScope,
  roles,
  type Scope,
  scopes,
  scopesOfRole,
  sharedScopes,
} from "./scope.ts";

describe("scopes", () => {
  it("are the 21 of the REST contract", () => {
    expect(scopes).toHaveLength(21);
    expect(new Set(scopes).size).toBe(21);
  });

  it.each(scopes)("admin implies %s", (scope) => {
    expect(hasScope({ scopes: ["admin"] }, scope)).toBe(true);
  });

  it("imply nothing else", () => {
    expect(hasScope({ scopes: ["tasks:write"] }, "tasks:read")).toBe(false);
    expect(hasScope({ scopes: ["keys:admin"] }, "admin")).toBe(false);
    expect(hasScope({ scopes: [] }, "tasks:read")).toBe(false);
  });

  it("are words in their exact spelling", () => {
    expect(isScope("tasks:read")).toBe(true);
    expect(["Tasks:read", "tasks", "", "constructor"].some(isScope)).toBe(false);
  });

  it("an agent's key has the ten of the contract by default, other kinds none", () => {
    expect(defaultScopesOf("agt")).toEqual([
      "agents:connect",
      "tasks:read",
      "tasks:write",
      "messages:send",
      "events:read",
      "search:read",
      "knowledge:read",
      "knowledge:write",
      "contexts:read",
      "contexts:write",
    ]);
    expect(defaultScopesOf("pat")).toEqual([]);
    expect(defaultScopesOf("svc")).toEqual([]);
  });
});

describe("scopesOfRole", () => {
  it.each(roles)("gives %s known scopes without repeats", (role) => {
    const given = scopesOfRole(role);
    expect(given.every(isScope)).toBe(true);
    expect(new Set(given).size).toBe(given.length);
  });

  it("lets only an administrator make keys", () => {
    const allowed = roles.filter((role) => hasScope({ scopes: scopesOfRole(role) }, "keys:admin"));
    expect(allowed).toEqual(["admin"]);
  });

  it("lets a viewer read and nothing else", () => {
    expect(scopesOfRole("viewer").every((scope) => scope.endsWith(":read"))).toBe(true);
  });
});

describe("assertScope", () => {
  it("names the scope that lacks", () => {
    expect(() => assertScope({ scopes: ["tasks:read"] }, "dlq:write")).toThrow("lacks the scope dlq:write");
    expect(() => assertScope({ scopes: ["dlq:write"] }, "dlq:write")).not.toThrow();
  });
});

describe("sharedScopes", () => {
  it.each<[Scope[], Scope[], Scope[]]>([
    [["tasks:read", "tools:execute"], ["tools:execute", "tasks:write"], ["tools:execute"]],
    [["admin"], ["tools:execute"], ["tools:execute"]],
    [["tools:execute", "tasks:read"], ["admin"], ["tools:execute", "tasks:read"]],
    [["admin", "tasks:read"], ["admin"], ["admin", "tasks:read"]],
    [["tasks:read"], [], []],
  ])("of %j and %j are %j", (one, other, shared) => {
    expect(sharedScopes({ scopes: one }, { scopes: other })).toEqual(shared);
  });
});
