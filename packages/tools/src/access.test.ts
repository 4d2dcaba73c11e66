import { expect, test } from "vitest";
import { assertMayUseServer, mayUseServer } from "./access.ts";

test("a server is for who holds the scope of all tools and its own, and for admins", () => {
  const server = { scopes: ["tasks:write", "knowledge:read"] };
  expect(mayUseServer(["tools:execute", "tasks:write", "knowledge:read"], server)).toBe(true);
  expect(mayUseServer(["admin"], server)).toBe(true);
  expect(mayUseServer(["tools:execute", "tasks:write"], server)).toBe(false);
  expect(mayUseServer(["tasks:write", "knowledge:read"], server)).toBe(false);
  expect(mayUseServer([], { scopes: [] })).toBe(false);
  expect(() => assertMayUseServer(["tools:execute"], server)).toThrow("the credential lacks the scope tasks:write");
});
