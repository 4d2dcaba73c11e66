import { AppError } from "@devmesh/models";
import type { ApiKeyKind } from "./api-key.ts";

/** Everything that a credential can be allowed to do; `admin` implies all the others. */
export const scopes = [
  "tasks:read",
  "tasks:write",
  "agents:read",
  "agents:write",
  "agents:connect",
  "messages:send",
  "events:read",
  "search:read",
  "embeddings:write",
  "knowledge:read",
  "knowledge:write",
  "contexts:read",
  "contexts:write",
  "documents:read",
  "documents:write",
  "tools:execute",
  "dlq:read",
  "dlq:write",
  "keys:admin",
  "metrics:read",
  "admin",
] as const;

/** One of {@link scopes}. */
export type Scope = (typeof scopes)[number];

const agentScopes: readonly Scope[] = [
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
];
const readScopes: readonly Scope[] = scopes.filter((scope) => scope.endsWith(":read"));
const everydayScopes: readonly Scope[] = scopes.filter(
  (scope) => !["admin", "keys:admin", "dlq:write"].includes(scope),
);

/** Names for common sets of scopes. */
export const roles = ["admin", "operator", "member", "viewer", "agent"] as const;

/** One of {@link roles}. */
export type Role = (typeof roles)[number];

const scopesByRole: Readonly<Record<Role, readonly Scope[]>> = {
  admin: ["admin"],
  operator: [...everydayScopes, "dlq:write"],
  member: everydayScopes,
  viewer: readScopes,
  agent: agentScopes,
};

/** The scopes that a role stands for: an operator is a member who may redrive dead letters, a viewer only reads. */
export function scopesOfRole(role: Role): readonly Scope[] {
  return scopesByRole[role];
}

/** The scopes of a key that is made without naming any. A `pat` or `svc` key has none by default: they are named. */
export function defaultScopesOf(kind: ApiKeyKind): readonly Scope[] {
  return kind === "agt" ? agentScopes : [];
}

/** True for a word of the closed list, in its exact spelling. */
export function isScope(text: string): text is Scope {
  return scopes.some((scope) => scope === text);
}

interface Scoped {
  readonly scopes: readonly Scope[];
}

/** True where the credential has the scope itself, or `admin`. */
export function hasScope(principal: Scoped, scope: Scope): boolean {
  return principal.scopes.includes(scope) || principal.scopes.includes("admin");
}

/** @throws AppError `permission_denied`, reason `missing_scope`, naming the scope. */
export function assertScope(principal: Scoped, scope: Scope): void {
  if (hasScope(principal, scope)) return;
  throw new AppError("permission_denied", `the credential lacks the scope ${scope}`, { reason: "missing_scope" });
}

/** What two credentials are both allowed to do; in the order of the first, what only it implies by `admin` last. */
export function sharedScopes(one: Scoped, other: Scoped): readonly Scope[] {
  const shared = [
    ...one.scopes.filter((scope) => hasScope(other, scope)),
    ...other.scopes.filter((scope) => hasScope(one, scope)),
  ];
  return [...new Set(shared)];
}
