import type { ApiKeyId, TenantId } from "@devmesh/models";
import type { ApiKeyKind } from "./api-key.ts";
import type { Scope } from "./scope.ts";

/** Who is calling: what a valid credential turns into. */
export interface Principal {
  readonly tenantId: TenantId;
  /** The key's id. */
  readonly id: ApiKeyId;
  readonly kind: ApiKeyKind;
  readonly scopes: readonly Scope[];
  /** The one agent that this credential may be; any, when absent. */
  readonly agentName?: string;
  /** Whom its holder works with: what is for that team alone is for it, too. */
  readonly team?: string;
}
