export {
  type ApiKeyKind,
  apiKeyKinds,
  createApiKey,
  displayOf,
  hashApiKey,
  type ParsedApiKey,
  parseApiKey,
  type RandomBytes,
} from "./api-key.ts";
export {
  type Authenticator,
  type AuthenticatorOptions,
  createAuthenticator,
} from "./authenticator.ts";
export { type RequestHeaders, readBearer } from "./bearer.ts";
export { principalOfKey, type StoredApiKey } from "./key-principal.ts";
export type { Principal } from "./principal.ts";
export {
  assertScope,
  defaultScopesOf,
  hasScope,
  isScope,
  type Role,
  roles,
  type Scope,
  scopes,
  scopesOfRole,
  sharedScopes,
} from "./scope.ts";
